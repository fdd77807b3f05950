"""What a detector heard in a recording, and why it did what it did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.audio import Finding, Measurer, Measures, Waveform, findings, resample_chunks
from kws.audio.files import regular
from kws.rows import Rows
from kws.runtime.stream import Stream
from kws.runtime.verdicts import KeywordReport, report_keyword

Floats = npt.NDArray[np.floating]
OUTLINE_POINTS = 4000  # more than there are pixels


@dataclass(frozen=True, eq=False)
class Explanation:
    """All about one recording.

    Attributes:
        measures: of the audio as it is in the file.
        findings: what is wrong with it.
        keywords: a report of each.
        outline: of the audio as it is in the file.
        times_s: (T,), the frames' centres.
        smoothed: (T, units), smoothed posteriors.
        confidences: (T, keywords).
    """

    measures: Measures
    findings: tuple[Finding, ...]
    keywords: tuple[KeywordReport, ...]
    outline: Outline
    times_s: Floats
    smoothed: Floats
    confidences: Floats


@dataclass(frozen=True, eq=False)
class Outline:
    """The range of the samples in each of at most `2 * OUTLINE_POINTS` columns of a picture.

    Attributes:
        lowest, highest: (columns,) at 16-bit scale.
        column_s: time from column to column.
        duration_s: of the recording.
    """

    lowest: Floats
    highest: Floats
    column_s: float
    duration_s: float


def explain(stream: Stream, waveform: Waveform) -> Explanation:
    """Run a detector over a recording and tell what it heard.

    Args:
        stream: is reset before.
        waveform: at its own rate.

    Raises:
        InputError: a recording of less than 20 ms.
    """
    samples = waveform.samples
    return explain_pieces(stream, [samples], waveform.sample_rate, len(samples))


def explain_pieces(
    stream: Stream, pieces: Iterable[npt.NDArray[np.float32]], sample_rate: int, num_samples: int
) -> Explanation:
    """`explain` for a recording that comes in pieces, so that memory stays bounded.

    Args:
        stream: is reset before.
        pieces: (S,) each, at 16-bit scale.
        sample_rate: of the recording, in Hz.
        num_samples: of the recording.
    """
    measurer = Measurer(sample_rate, num_samples)
    step = max(1, num_samples // OUTLINE_POINTS)
    columns: list[tuple[float, float]] = []

    def noted() -> Iterator[npt.NDArray[np.float32]]:
        for piece in pieces:
            measurer.add(piece)
            yield piece

    def outlined() -> Iterator[npt.NDArray[np.float32]]:
        for column in regular(noted(), step):
            if len(column) == step:
                columns.append((float(column.min()), float(column.max())))
            yield column

    heard: Iterable[npt.NDArray[np.float32]] = outlined()
    if sample_rate != stream.sample_rate:
        heard = resample_chunks(heard, sample_rate, stream.sample_rate)
    stream.reset()
    events = []
    expected = round(num_samples / sample_rate / stream.metadata.frame_shift_s)
    smoothed = Rows(len(stream.units), expected=expected)
    confidences = Rows(len(stream.keywords), expected=expected)
    for chunk in regular(heard, stream.block):
        events += stream.process_waveform(chunk)
        smoothed.add(stream.smoothed)
        confidences.add(stream.confidences)
    measures = measurer.measures()
    found = findings(measures, stream.sample_rate)
    events += stream.flush()
    smoothed.add(stream.smoothed)
    confidences.add(stream.confidences)
    scores = confidences.values(), smoothed.values()
    metadata = replace(stream.metadata, refractory_s=stream.refractory_s)
    nested = stream.nested_events(events, scores, num_samples / sample_rate)
    reports = [
        report_keyword(
            metadata,
            keyword,
            stream.thresholds[keyword.name],
            (scores[0][:, k], scores[1]),
            [event for event in events if event.keyword == keyword.name],
            found,
            [event for event in nested if event.keyword == keyword.name],
        )
        for k, keyword in enumerate(stream.keywords)
    ]
    lowest, highest = np.array(columns).T
    return Explanation(
        measures,
        tuple(found),
        tuple(reports),
        Outline(lowest, highest, step / sample_rate, num_samples / sample_rate),
        metadata.frame_offset_s + metadata.frame_shift_s * np.arange(len(scores[1])),
        scores[1],
        scores[0],
    )
