"""By which of its paths a stream of `kws.runtime` came to its frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kws.runtime import Metadata, Stream
from kws.runtime.steady import LEAST_KNOWN, ONLY_KNOWN, SteadyCall, has_steady_chains

GENERAL = "general"  # the file as it is: at beginnings and ends, and where there is no other path
ONE_FRAME = "one frame"
ONE_SIZE = "one size"
CLOSED_FORM = "closed form"  # of one size
ANY_SIZE = "any size"
UNBOUND = "unbound"  # so many sizes or frames that no arrays are kept for them
LONG = "long chunk"
EASY = "repeated size"
QUIET = "quiet"  # confidences at which nothing can happen
TOGETHER = "batch"


class Paths:
    """The paths that there are for one file, and which of them were taken.

    Args:
        path: the exported file.
        metadata: its own.
    """

    def __init__(self, path: Path, metadata: Metadata) -> None:
        content = path.read_bytes()
        self._w_max = metadata.w_max
        self._has_steady = has_steady_chains(content) and metadata.settled_frames is not None
        self._has_closed_form = ONLY_KNOWN.encode() in content
        steady = (ONE_FRAME, ONE_SIZE, CLOSED_FORM, ANY_SIZE, UNBOUND, EASY, QUIET)
        names = (GENERAL, *(steady if self._has_steady else ()), LONG, TOGETHER)
        self.there = tuple(n for n in names if n != CLOSED_FORM or self._has_closed_form)

    def latest(self, stream: Stream, num_samples: int, was_settled: bool) -> Iterator[str]:
        """Those of the latest call of a stream.

        Args:
            stream: after the call.
            num_samples: that the call was given.
            was_settled: the stream, before it.
        """
        for scores, _ in stream._parts:
            if isinstance(scores, SteadyCall):
                yield self._of_steady(stream, scores)
            else:
                yield UNBOUND if was_settled and self._has_steady else GENERAL
        if num_samples > stream.block:
            yield LONG
        if any(stream._parts is easy.parts for easy in stream._easy.values()):
            yield EASY
        if stream._unseen:
            yield QUIET

    def _of_steady(self, stream: Stream, call: SteadyCall) -> str:
        num_frames = call.confidences.shape[1]
        if num_frames == 1:
            return ONE_FRAME
        if stream._calls is None or stream._calls._had_sizes:
            return ANY_SIZE
        is_known = self._has_closed_form and LEAST_KNOWN <= num_frames < self._w_max
        return CLOSED_FORM if is_known else ONE_SIZE
