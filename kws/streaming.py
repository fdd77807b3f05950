"""The one definition of streaming: `init_state`, `step`, `flush`.

A stage turns a stream of inputs into a stream of outputs. Its state is a value that the caller
holds: no stage keeps anything of the past on itself, so a reset is a fresh `init_state()`.
Whole-file processing is `step(everything)` followed by `flush`; any other cut of the input into
chunks, empty ones included, gives the same outputs one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
State = TypeVar("State")


class Stage(Protocol[In_contra, Out_co, State]):
    """What every stage of the chain offers."""

    def init_state(self) -> State:
        """The state before any input."""
        ...

    def step(self, x: In_contra, state: State, /) -> tuple[Out_co, State]:
        """Take one chunk of any length, 0 included; return what is known now and the new state."""
        ...

    def flush(self, state: State, /) -> Out_co:
        """End the stream: return what was still to come. The state is spent afterwards."""
        ...


def run_in_chunks(
    stage: Stage[In_contra, Out_co, State], chunks: Iterable[In_contra]
) -> Iterator[Out_co]:
    """Feed `chunks` to `stage` and yield the output of every step and of the final flush."""
    state = stage.init_state()
    for chunk in chunks:
        y, state = stage.step(chunk, state)
        yield y
    yield stage.flush(state)


def run(stage: Stage[In_contra, Out_co, State], x: In_contra) -> list[Out_co]:
    """Feed the whole of `x` at once: the outputs of its one step and of the flush."""
    return list(run_in_chunks(stage, [x]))
