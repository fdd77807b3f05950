"""Segments and the recordings they are cut from, by the rules of Kaldi's extract-segments."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from kws.audio import NOTICES, Header
from kws.errors import InputError

if TYPE_CHECKING:
    from kws.data.data_dir import DataDir, Utterance

MAX_OVERSHOOT_S = 0.5
MIN_SEGMENT_S = 0.1
TIME_TOLERANCE_S = 0.01
"""times are often written with two decimals: so much beyond the end is not worth a word"""


def fitted(
    utterance: Utterance, recording: Header, max_overshoot_s: float
) -> tuple[Utterance | None, str]:
    """A segment as its recording can hold it.

    Args:
        utterance: a segment.
        recording: what it is cut from.
        max_overshoot_s: a segment that ends less than that beyond the end is cut there.

    Returns:
        the utterance, None where it is to be left out; and why something was done to it, in words
        for a notice (empty: for nothing that matters).
    """
    rate, num_samples = recording.sample_rate, recording.num_samples
    start = round(utterance.start_s * rate)
    end = num_samples if utterance.end_s is None else round(utterance.end_s * rate)
    if (utterance.channel or 0) >= recording.num_channels:
        return None, "a segment of a channel that its recording does not have, left out"
    if start >= num_samples:
        return None, "a segment that begins after the end of its recording, left out"
    if end > num_samples and end >= num_samples + int(max_overshoot_s * rate):
        return None, (
            f"a segment that ends {max_overshoot_s:g} s or more beyond its recording, left out "
            "(--max-overshoot)"
        )
    if min(end, num_samples) <= start + int(MIN_SEGMENT_S * rate):
        return None, f"a segment of {MIN_SEGMENT_S:g} s or less, left out"
    if end <= num_samples:
        return utterance, ""
    cut = end > num_samples + TIME_TOLERANCE_S * rate
    return (
        dataclasses.replace(utterance, end_s=None),
        "a segment that ends beyond its recording, cut there" if cut else "",
    )


def fit_segments(data: DataDir, max_overshoot_s: float) -> DataDir:
    """A data dir with its segments as their recordings can hold them, with notices of what changed.

    A segment whose recording cannot be read stays as it is: whoever loads it is told why.

    Args:
        data: a data dir with segments.
        max_overshoot_s: a segment that ends less than that beyond its recording is cut there, one
            that its recording cannot hold is left out.

    Raises:
        InputError: all are left out.
    """
    headers: dict[str, Header | None] = {}
    kept = []
    for utterance in data.utterances:
        if utterance.recording not in headers:
            headers[utterance.recording] = _header_if_readable(data, utterance)
        header = headers[utterance.recording]
        found: Utterance | None = utterance
        if header is not None:
            found, said = fitted(utterance, header, max_overshoot_s)
            if said:
                NOTICES.add(said, f"{utterance.place}: {utterance.id}")
        if found is not None:
            kept.append(found)
    if not kept:
        raise InputError(none_fits(data.path))
    ids = {utterance.id for utterance in kept}
    words = {key: of_utterance for key, of_utterance in data.words.items() if key in ids}
    return dataclasses.replace(data, utterances=tuple(kept), words=words)


def none_fits(data_dir: Path) -> str:
    """The message where all segments are left out."""
    return (
        f"{data_dir}/segments: no segment lies in its recording; times must be seconds from the "
        "recording's beginning"
    )


def _header_if_readable(data: DataDir, utterance: Utterance) -> Header | None:
    try:
        return data.header(utterance)
    except InputError:
        return None
