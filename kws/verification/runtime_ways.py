"""A recording given to `kws.runtime` in every way in which users give one."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.detection import Detection
from kws.runtime import Detector, Stream, process_batch
from kws.runtime.samples import FULL_SCALE
from kws.verification.chunks import cut, equal_lengths, lengths_in_turn, random_lengths
from kws.verification.comparison import Track
from kws.verification.exported import ExportedFile
from kws.verification.paths import TOGETHER, Paths

Samples = npt.NDArray[np.int16]
BATCH = "kws.runtime, batch"
NUM_STREAMS = 3  # of the batch
ROUNDS_BEHIND = 3  # that each of them is behind the one before


@dataclass(frozen=True)
class _Way:
    """One way.

    Args:
        stream: takes one recording after the other.
        lengths: of the chunks of a recording of so many samples.
        give: hands the stream a chunk.
    """

    stream: Stream
    lengths: Callable[[int], Iterable[int]]
    give: Callable[[Stream, Samples], list[Detection]]


class RuntimeWays:
    """The ways through `kws.runtime`, with the file loaded as users load it.

    A loaded file is fastest for the first size of chunks that it meets: one each for the sizes
    that are to be the first, and one that meets many.
    """

    def __init__(
        self, exported: ExportedFile, threshold: float | None, random: np.random.Generator
    ) -> None:
        """Load the file.

        Args:
            exported: names it.
            threshold: of every keyword, in place of the file's.
            random: draws lengths of chunks.

        Raises:
            InputError: as of `Detector`.
        """
        metadata = exported.metadata
        self.paths = Paths(exported.path, metadata)
        few, one, many = (
            Detector(exported.path, metadata.sample_rate, thresholds=threshold) for _ in range(3)
        )
        shift = metadata.frame_shift

        def equal(num_frames: int) -> Callable[[int], Iterator[int]]:
            return lambda num_samples: equal_lengths(num_frames * shift, num_samples)

        def name(num_frames: int) -> str:
            return f"kws.runtime, {1000 * num_frames * metadata.frame_shift_s:g} ms"

        self._shift = shift
        self._ways = {  # with the usual frames of 10 ms, chunks of 10, 20 and 80 ms
            name(1): _Way(few, equal(1), _as_int16),
            name(2): _Way(few.stream(), equal(2), _as_int16),
            name(8): _Way(one, equal(8), _as_int16),
            f"{name(8)}, floats": _Way(one.stream(), equal(8), _as_floats),
            "kws detect, kws listen": _Way(
                one.stream(), lambda num: _half_at_once(8 * shift, num), _as_waveform
            ),
            "kws.runtime, sizes in turn": _Way(many, lambda _: lengths_in_turn(shift), _as_int16),
            "kws.runtime, random sizes": _Way(
                many.stream(), lambda _: random_lengths(random, 2 * many.block), _as_int16
            ),
        }
        self._batch = [many.stream() for _ in range(NUM_STREAMS)]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all ways."""
        return (*self._ways, BATCH)

    def tracks(self, samples: Samples, taken: Counter[str]) -> dict[str, list[Track]]:
        """What each way makes of a recording; several streams in the batch.

        Args:
            samples: (S,)
            taken: counts the calls of each path.
        """
        tracks = {name: [self._track(way, samples, taken)] for name, way in self._ways.items()}
        return tracks | {BATCH: self._batch_tracks(samples, taken)}

    def _track(self, way: _Way, samples: Samples, taken: Counter[str]) -> Track:
        followed = _Followed(way.stream)
        for chunk in cut(samples, way.lengths(len(samples))):
            was_settled = way.stream.is_settled
            followed.note(way.give(way.stream, chunk))
            taken.update(self.paths.latest(way.stream, len(chunk), was_settled))
        return followed.finish()

    def _batch_tracks(self, samples: Samples, taken: Counter[str]) -> list[Track]:
        """Streams that hear the same one after the other, and end so."""
        followed = [_Followed(stream) for stream in self._batch]
        chunks = []
        for i in range(NUM_STREAMS):
            behind = ROUNDS_BEHIND * i  # in a round all have chunks of one size
            lengths = itertools.islice(lengths_in_turn(self._shift), behind, None)
            chunks.append(itertools.chain([samples[:0]] * behind, cut(samples, lengths)))
        for together in itertools.zip_longest(*chunks, fillvalue=samples[:0]):
            events = process_batch(self._batch, together)
            for one, found in zip(followed, events, strict=True):
                one.note(found)
            calls = [id(scores) for stream in self._batch for scores, _ in stream._parts]
            taken[TOGETHER] += len({*calls}) < len(calls)
        return [one.finish() for one in followed]


class _Followed:
    """A stream and all that it gives."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._scores: list[tuple[npt.NDArray[np.float32], ...]] = []
        self._events: list[Detection] = []

    def note(self, events: list[Detection]) -> None:
        """Keep the latest call's results."""
        stream = self._stream
        self._scores.append((stream.posteriors, stream.smoothed, stream.confidences))
        self._events += events

    def finish(self) -> Track:
        """End the stream; it then is a new one."""
        self.note(self._stream.flush())
        posteriors, smoothed, confidences = map(np.concatenate, zip(*self._scores, strict=True))
        return Track(None, posteriors, smoothed, confidences, tuple(self._events))


def _half_at_once(length: int, num_samples: int) -> Iterator[int]:
    """Half of the recording as of a file, then pieces as of a microphone; no end."""
    pieces = num_samples // (2 * length)
    return itertools.chain([num_samples - pieces * length], itertools.repeat(length))


def _as_int16(stream: Stream, chunk: Samples) -> list[Detection]:
    return stream.process(chunk)


def _as_floats(stream: Stream, chunk: Samples) -> list[Detection]:
    return stream.process((chunk / FULL_SCALE).astype(np.float32))


def _as_waveform(stream: Stream, chunk: Samples) -> list[Detection]:
    return stream.process_waveform(chunk.astype(np.float32))
