"""The short way of a stream that is long on its way: chains without a branch, arrays bound once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime

Array = npt.NDArray[np.float32]
# constants of the file, false in it: onnxruntime leaves out what a true one makes unreachable
ONLY_STEADY, ONLY_ONE = "only_steady_frames", "only_one_steady_frame"
MOST_FRAMES = 32  # per call, for which arrays are kept
MOST_SIZES = 4  # numbers of frames for which a stream keeps arrays


class SteadySessions:
    """The file's chains for calls of whole frames in a stream that is long on its way.

    Each is loaded when it is first asked for: most programs need one of them.

    Args:
        content: of the file.
        load: makes a session of a file's content.
    """

    def __init__(self, content: bytes, load: Callable[[bytes], Any]) -> None:
        self._content, self._load = content, load

    @functools.cached_property
    def one(self) -> Any:
        """A session of onnxruntime for a single frame."""
        return self._load(_with_true(_with_true(self._content, ONLY_STEADY), ONLY_ONE))

    @functools.cached_property
    def several(self) -> Any:
        """A session of onnxruntime for any number of frames, above 0."""
        return self._load(_with_true(self._content, ONLY_STEADY))


def steady_sessions(content: bytes, load: Callable[[bytes], Any]) -> SteadySessions | None:
    """The steady chains of an exported file; arguments as of `SteadySessions`.

    Returns:
        None for a file that has no such constants, once each and false.
    """
    counts = [content.count(_constant(name, False)) for name in (ONLY_STEADY, ONLY_ONE)]
    return SteadySessions(content, load) if counts == [1, 1] else None


def _with_true(content: bytes, name: str) -> bytes:
    return content.replace(_constant(name, False), _constant(name, True))


def _constant(name: str, value: bool) -> bytes:
    """The end of a TensorProto of one bool: its name, then raw_data, field 9, of one byte."""
    return name.encode() + b"\x4a\x01" + bytes([value])


class SteadyCalls:
    """Calls of one stream; what they return is valid until the next.

    Args:
        sessions: of the file.
        columns: outputs and their values per frame.
        state_size: values of the state.
        frame_shift: samples per frame.
    """

    def __init__(
        self, sessions: SteadySessions, columns: dict[str, int], state_size: int, frame_shift: int
    ) -> None:
        self._sessions, self._columns, self._shift = sessions, columns, frame_shift
        # a call reads one and writes the other
        self._states = tuple(np.zeros((1, state_size), np.float32) for _ in range(2))
        self._calls: dict[int, _Bound] = {}  # by the number of samples

    def run(self, samples: Array, state: Array) -> tuple[Array, ...] | None:
        """Confidences, smoothed, posteriors, next state; None: too many frames or sizes.

        Args:
            samples: (1, T * frame_shift), T > 0.
            state: (1, state_size).
        """
        call = self._calls.get(samples.shape[1])
        if call is None:
            call = self._bind(samples.shape[1])
            if call is None:
                return None
        first, second = self._states
        if state is second:
            turn = 1
        else:
            turn = 0
            if state is not first:
                np.copyto(first, state)
        np.copyto(call.samples, samples)
        call.run(call.bindings[turn])
        return call.results[turn]

    def _bind(self, num_samples: int) -> _Bound | None:
        num_frames = num_samples // self._shift
        if num_frames > MOST_FRAMES or len(self._calls) == MOST_SIZES:
            return None
        session = self._sessions.one if num_frames == 1 else self._sessions.several
        samples = np.zeros((1, num_samples), np.float32)
        outputs = {
            name: np.zeros((1, num_frames, dim), np.float32) for name, dim in self._columns.items()
        }
        bindings, results = [], []
        for before, after in (self._states, self._states[::-1]):
            binding = session.io_binding()
            inputs = {"samples": samples, "state": before, "flush": np.array(False)}
            for name, array in inputs.items():
                binding.bind_ortvalue_input(name, _value(array))
            for name, array in (outputs | {"next_state": after}).items():
                binding.bind_ortvalue_output(name, _value(array))
            bindings.append(binding)
            results.append((*outputs.values(), after))
        call = _Bound(session.run_with_iobinding, samples, bindings, results)
        self._calls[num_samples] = call
        return call


class _Bound(NamedTuple):
    """Calls of one number of samples, for both turns of the state."""

    run: Callable[[Any], None]
    samples: Array
    bindings: list[Any]
    results: list[tuple[Array, ...]]


def _value(array: npt.NDArray[np.generic]) -> Any:
    """Of onnxruntime, in the array's own memory."""
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)
