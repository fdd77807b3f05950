"""Many streams at once: one call of the network for all that are at the same point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from kws.detection import Detection
from kws.errors import InputError
from kws.runtime.model import Array
from kws.runtime.samples import check_samples
from kws.runtime.stream import Stream

MAX_ROWS = 64  # more rows per call are not faster and need more memory


def process_batch(
    streams: Sequence[Stream], chunks: Sequence[npt.NDArray[np.generic]]
) -> list[list[Detection]]:
    """`streams[i].process(chunks[i])` for every i, with as few calls of the network as can be.

    Streams share a call when they complete equally many frames and their age no longer matters
    (or is equal): those that are fed alike always do, soon after their starts.

    Args:
        streams: of one model, each at most once.
        chunks: as for `Stream.process`, of any lengths.

    Returns:
        the events of each stream.

    Raises:
        InputError: streams of several models, one twice, another number of chunks, or a chunk that
            `Stream.process` refuses; every stream is then as it was before.
    """
    if len(streams) != len(chunks):
        raise InputError(f"{len(streams)} streams, {len(chunks)} chunks: give one for each")
    if len({id(stream) for stream in streams}) < len(streams):
        raise InputError("a stream occurs twice in a batch; join its chunks")
    if len({id(stream.model) for stream in streams}) > 1:
        raise InputError("a batch has streams of several models; make one for each")
    scales = [check_samples(chunk) for chunk in chunks]
    for stream in streams:
        stream.begin()
    events: list[list[Detection]] = [[] for _ in streams]
    block = streams[0].block if streams else 1
    for start in range(0, max(map(len, chunks), default=0), block):
        blocks = [chunk[start : start + block] for chunk in chunks]
        for rows, samples, is_settled in _groups(streams, blocks, scales):
            states = np.concatenate([streams[i].state for i in rows])
            scores = streams[0].model.run(samples, states, is_settled=is_settled)
            for row, i in enumerate(rows):
                events[i] += streams[i].conclude(scores, row)
    return events


def _groups(
    streams: Sequence[Stream], blocks: Sequence[npt.NDArray[np.generic]], scales: Sequence[float]
) -> Iterator[tuple[list[int], Array, bool]]:
    """The streams that can share a call, samples of their next frames, and `is_settled`."""
    groups: dict[tuple[int, bool, int], tuple[list[int], list[Array]]] = {}
    for i, (stream, samples, scale) in enumerate(zip(streams, blocks, scales, strict=True)):
        age, is_settled = stream.age, stream.is_settled
        complete = stream.feed(samples, scale)
        if complete.size:
            rows, parts = groups.setdefault((age, is_settled, complete.shape[1]), ([], []))
            rows.append(i)
            parts.append(complete)
    for (_, is_settled, _), (rows, parts) in groups.items():
        for first in range(0, len(rows), MAX_ROWS):
            part = slice(first, first + MAX_ROWS)
            yield rows[part], np.concatenate(parts[part]), is_settled
