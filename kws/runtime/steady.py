"""The short way of a stream that is long on its way: chains without a branch, arrays bound once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.inference import onnxruntime

Array = npt.NDArray[np.float32]
# constants of the file, false in it: onnxruntime leaves out what a true one makes unreachable; the
# second is not in every file
ONLY_STEADY = "only_steady_frames"
ONLY_KNOWN = "only_known_steady_frames"
ONLY_ONE = "only_one_steady_frame"
_GO_ON = np.array(False)
MOST_FRAMES = 32  # per call, for which arrays are kept
MOST_SIZES = 4  # numbers of frames for which a stream keeps arrays
LEAST_KNOWN = 4  # frames of a call from which on the chain for calls of known size is the faster


class SteadySessions:
    """The file's chains for calls of whole frames in a stream that is long on its way.

    Each is loaded when it is first asked for, by one of the threads whose streams share them: most
    programs need one of them, and feed chunks of one size. The first size of several frames gets a
    session for it alone, which is faster, most of all with a chain of its own for that; a second
    size ends that, so that no more than three sessions are there.

    Args:
        read: gives the file's content, or nothing if it is not there any more as it was: to keep
            it would cost more memory than all else of a stream. Then there are no sessions.
        load: makes a session of a file's content, with some of its dimensions fixed.
    """

    def __init__(
        self, read: Callable[[], bytes], load: Callable[[bytes, dict[str, int]], Any]
    ) -> None:
        self._read, self._load = read, load
        # streams of several threads share them: a size, and the session for it, stay together
        self._lock = threading.RLock()
        self._of_any_size: dict[tuple[str, ...], Any] = {}  # by the constants that are true
        self._only_size: tuple[int, Any] | None = None  # in samples, and its session
        self.has_sizes = False  # more than one of several frames has come

    @property
    def one(self) -> Any:
        """A session of onnxruntime for a single frame, if there is one."""
        return self._kept(ONLY_STEADY, ONLY_KNOWN, ONLY_ONE)

    @property
    def several(self) -> Any:
        """A session of onnxruntime for any number of frames, above 0, if there is one."""
        return self._kept(ONLY_STEADY)

    def know(self, num_samples: int) -> None:
        """A call of one stream with several frames of so many samples is to come."""
        with self._lock:
            if self._only_size is not None and self._only_size[0] != num_samples:
                self._only_size, self.has_sizes = None, True

    def of_size(self, num_samples: int, can_be_known: bool) -> Any:
        """A session of onnxruntime for such a call, if there is one.

        Args:
            num_samples: of the call.
            can_be_known: the chain for calls of known size is right for it, and faster.
        """
        with self._lock:
            self.know(num_samples)
            if self.has_sizes:
                return self.several
            if self._only_size is None:
                names = (ONLY_STEADY, ONLY_KNOWN) if can_be_known else (ONLY_STEADY,)
                session = self._loaded({"N": 1, "S": num_samples}, *names)
                self._only_size = num_samples, session
            return self._only_size[1]

    def _kept(self, *names: str) -> Any:
        with self._lock:
            if names not in self._of_any_size:
                self._of_any_size[names] = self._loaded({}, *names)
            return self._of_any_size[names]

    def _loaded(self, dims: dict[str, int], *names: str) -> Any:
        content = _with_true(self._read(), *names)
        return self._load(content, dims) if content else None


def has_steady_chains(content: bytes) -> bool:
    """Whether an exported file has the constants, once each and false."""
    steady, known, one = (
        content.count(_false(name)) for name in (ONLY_STEADY, ONLY_KNOWN, ONLY_ONE)
    )
    return steady == one == 1 and known <= 1


def _with_true(content: bytes, *names: str) -> bytes:
    """A copy of a file with some of the constants true, as far as it has them; else nothing."""
    marks = [(content.find(mark), mark) for mark in map(_false, names)]
    ends = sorted(begin + len(mark) for begin, mark in marks if begin >= 0)
    if not ends:
        return b""
    view = memoryview(content)
    begins = [0, *ends]
    parts = [view[begin : end - 1] for begin, end in zip(begins, ends, strict=False)]
    return b"\x01".join([*parts, view[ends[-1] :]])


def _false(name: str) -> bytes:
    """The end of a TensorProto of one bool: its name, then raw_data, field 9, of one byte."""
    return name.encode() + b"\x4a\x01\x00"


class SteadyCall(NamedTuple):
    """A call for one number of samples, in arrays that keep their places.

    What is computed from the first of two states becomes the second one, and the other way round.
    """

    run: Callable[[Any, None], None]  # takes one of the two that follow
    from_first: Any
    from_second: Any
    confidences: Array  # (1, T, keywords), valid until the next call, as are all results
    smoothed: Array  # (1, T, units)
    posteriors: Array  # (1, T, units)
    bindings: list[Any]  # they keep what is bound


class EasyCall(NamedTuple):
    """A steady call for as many samples as come, while others wait: all that its use takes."""

    coming: Array  # where samples are put, behind those that wait: (S,)
    came: memoryview  # their bytes
    front: Array  # where samples wait
    behind: Array  # those that will wait, after the call
    run: Callable[[Any, None], None]
    second: Array  # one of the two states
    turns: tuple[tuple[Any, Array], tuple[Any, Array]]  # from the other, from it: binding, state
    parts: list[tuple[Any, int]]  # the call and the row of this stream, as a stream keeps them
    flat_confidences: Array
    smoothed: Array


class SteadyCalls:
    """Calls of one stream that is long on its way.

    Args:
        sessions: of the file.
        columns: outputs and their values per frame.
        state_size: values of the state.
        frame_shift: samples per frame.
        w_max: frames of the confidence's window.
        memory: (1, any number), whose front holds the samples of every call.
    """

    def __init__(
        self,
        sessions: SteadySessions,
        columns: dict[str, int],
        state_size: int,
        frame_shift: int,
        w_max: int,
        memory: Array,
    ) -> None:
        self._sessions, self._columns, self._shift = sessions, columns, frame_shift
        self._w_max = w_max
        self._memory = memory
        self.first, self.second = (np.zeros((1, state_size), np.float32) for _ in range(2))
        self._calls: dict[int, SteadyCall] = {}  # by their numbers of samples
        self._had_sizes = sessions.has_sizes
        self._num_waiting = 0
        self._easy: dict[tuple[int, ...], EasyCall] = {}

    @property
    def sizes(self) -> tuple[int, ...]:
        """The numbers of samples that there are calls for."""
        return tuple(self._calls)

    def find(self, num_samples: int) -> SteadyCall | None:
        """The call for T * frame_shift samples, T > 0; None: too many frames or sizes, no file."""
        call = self._calls.get(num_samples)
        num_frames = num_samples // self._shift
        if call is None and num_frames <= MOST_FRAMES and len(self._calls) < MOST_SIZES:
            session = self._session(num_samples)
            if session is not None:
                call = self._calls[num_samples] = self._bind(session, num_samples, num_frames)
        return call

    def _session(self, num_samples: int) -> Any:
        sessions = self._sessions
        if num_samples == self._shift:
            return sessions.one
        sessions.know(num_samples)
        if sessions.has_sizes and not self._had_sizes:
            # let go of the session of one size before another is loaded
            self._had_sizes, self._calls, self._easy = True, {}, {}
        can_be_known = LEAST_KNOWN <= num_samples // self._shift < self._w_max
        return sessions.of_size(num_samples, can_be_known)

    def run(self, call: SteadyCall, state: Array) -> Array:
        """Run a call whose samples are in their place; the next state, one of the two.

        Args:
            call: of `find`.
            state: (1, state_size)
        """
        if state is self.second:
            call.run(call.from_second, None)
            return self.first
        if state is not self.first:
            np.copyto(self.first, state)
        call.run(call.from_first, None)
        return self.second

    def easy(self, num_samples: int, num_waiting: int) -> dict[tuple[int, ...], EasyCall]:
        """Calls for chunks that leave as many samples waiting as they find, by the chunks' shape.

        Args:
            num_samples: of a call that `find` has given, which will be among them.
            num_waiting: samples at the front of the memory.
        """
        if num_waiting != self._num_waiting:
            self._num_waiting, self._easy = num_waiting, {}
        if (num_samples,) not in self._easy:
            values, call = self._memory[0], self._calls[num_samples]
            coming = values[num_waiting : num_waiting + num_samples]
            self._easy[num_samples,] = EasyCall(
                coming,
                memoryview(coming).cast("B"),
                values[:num_waiting],
                values[num_samples : num_samples + num_waiting],
                call.run,
                self.second,
                ((call.from_first, self.second), (call.from_second, self.first)),
                [(call, 0)],
                call.confidences.reshape(-1),
                call.smoothed,
            )
        return self._easy

    def _bind(self, session: Any, num_samples: int, num_frames: int) -> SteadyCall:
        outputs = {
            name: np.zeros((1, num_frames, dim), np.float32) for name, dim in self._columns.items()
        }
        bindings: list[Any] = []
        for before, after in ((self.first, self.second), (self.second, self.first)):
            binding = session.io_binding()
            inputs = {
                "samples": self._memory[:, :num_samples],
                "state": before,
                "flush": _GO_ON,
            }
            for name, array in inputs.items():
                binding.bind_ortvalue_input(name, _value(array))
            for name, array in (outputs | {"next_state": after}).items():
                binding.bind_ortvalue_output(name, _value(array))
            bindings.append(binding)
        confidences, smoothed, posteriors = outputs.values()
        return SteadyCall(
            *_without_checks(session.run_with_iobinding, bindings),
            confidences,
            smoothed,
            posteriors,
            bindings,
        )


def _without_checks(run: Any, bindings: list[Any]) -> tuple[Callable[[Any, None], None], Any, Any]:
    """What runs bindings, and two of them, without onnxruntime's checks for GPUs, 1 to 2 us each.

    Args:
        run: the method of a session.
        bindings: of the session.
    """
    first, second = (getattr(binding, "_iobinding", None) for binding in bindings)
    inner = getattr(getattr(run.__self__, "_sess", None), "run_with_iobinding", None)
    if inner is None or first is None or second is None:  # another version
        return run, bindings[0], bindings[1]
    return inner, first, second


def _value(array: npt.NDArray[np.generic]) -> Any:
    """Of onnxruntime, in the array's own memory."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)
