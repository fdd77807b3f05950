"""What a detector heard in a recording, and why it did what it did."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.audio import Finding, Measures, Waveform, findings, measure, resample
from kws.runtime.stream import Stream
from kws.runtime.verdicts import KeywordReport, report_keyword

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Explanation:
    """All about one recording.

    Attributes:
        measures: of the audio as it is in the file.
        findings: what is wrong with it.
        keywords: a report of each.
        waveform: at the model's rate.
        times_s: (T,), the frames' centres.
        smoothed: (T, units), smoothed posteriors.
        confidences: (T, keywords).
    """

    measures: Measures
    findings: tuple[Finding, ...]
    keywords: tuple[KeywordReport, ...]
    waveform: Waveform
    times_s: Floats
    smoothed: Floats
    confidences: Floats


def explain(stream: Stream, waveform: Waveform) -> Explanation:
    """Run a detector over a recording and tell what it heard.

    Args:
        stream: is reset before.
        waveform: at its own rate.

    Raises:
        InputError: a recording of less than 20 ms.
    """
    measures = measure(waveform.samples, waveform.sample_rate)
    found = findings(measures, stream.sample_rate)
    samples = resample(waveform.samples, waveform.sample_rate, stream.sample_rate)
    stream.reset()
    events = stream.process_waveform(samples)
    smoothed, confidences = stream.smoothed, stream.confidences
    events += stream.flush()
    smoothed = np.concatenate((smoothed, stream.smoothed))
    confidences = np.concatenate((confidences, stream.confidences))
    metadata = replace(stream.metadata, refractory_s=stream.refractory_s)
    reports = [
        report_keyword(
            metadata,
            keyword,
            stream.thresholds[keyword.name],
            (confidences[:, k], smoothed),
            [event for event in events if event.keyword == keyword.name],
            found,
        )
        for k, keyword in enumerate(stream.keywords)
    ]
    return Explanation(
        measures,
        tuple(found),
        tuple(reports),
        Waveform(samples, stream.sample_rate),
        metadata.frame_offset_s + metadata.frame_shift_s * np.arange(len(smoothed)),
        smoothed,
        confidences,
    )
