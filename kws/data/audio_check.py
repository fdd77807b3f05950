"""What `kws data validate` hears: whether recordings can be read, hold sound and fit the tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kws.audio import Channel, Header
from kws.audio.channels import SILENT_DBFS, check_channel
from kws.audio.entries import sound_of
from kws.audio.fitness import CLIPPED_SHARE
from kws.audio.levels import Levels, measure_levels
from kws.data.ctm import Word
from kws.data.data_dir import DataDir, Utterance
from kws.data.segments import TIME_TOLERANCE_S, fitted, none_fits
from kws.errors import InputError

_MOST_NAMED = 3


@dataclass(frozen=True)
class _Heard:
    """A recording that was read to its end, and its utterances as it can hold them."""

    levels: Levels
    channel: int | None  # the only one that its entry means
    utterances: Sequence[Utterance]
    default: Channel  # of utterances that mean none

    @property
    def name(self) -> str:
        return self.utterances[0].recording_id or self.utterances[0].id

    @property
    def header(self) -> Header:
        num_channels = len(self.levels.channels) if self.channel is None else 1
        return Header(self.levels.num_samples, self.levels.sample_rate, num_channels)

    @property
    def used(self) -> set[int]:
        """The channels that are listened to."""
        if self.channel is not None:
            return {self.channel}
        everything = range(len(self.levels.channels))
        if len(everything) == 1 and all(one.channel is None for one in self.utterances):
            return {0}
        asked: set[int] = set()
        for utterance in self.utterances:
            channel = self.default if utterance.channel is None else utterance.channel
            asked |= {*everything} if channel == "mean" else {channel or 0}
        return asked.intersection(everything)

    @property
    def is_silent(self) -> bool:
        return all(map(self.levels.is_silent, self.used))


def read_through(data: DataDir, utterance: Utterance) -> tuple[Levels, int | None]:
    """Read the whole recording of an utterance to its end, piece by piece.

    Returns:
        its levels, and the only channel that its entry means, if there is one.

    Raises:
        InputError: it cannot be read.
    """
    with data.opened(utterance) as (file, channel, name):
        levels = measure_levels(file, name=name)
        check_channel(channel, len(levels.channels), name)
    return levels, channel


def inspect_audio(
    data: DataDir,
    placed_words: list[tuple[Word, str]],
    max_overshoot_s: float,
    faults: list[str],
    notes: list[str],
) -> float:
    """Read every recording; what is wrong goes to `faults`, what may matter to `notes`.

    Args:
        data: the data dir.
        placed_words: of its ctm, with their places.
        max_overshoot_s: as of `kws.data.segments.fitted`.

    Returns:
        the hours of the utterances whose recording can be read.
    """
    heard = _read_all(data, faults)
    if (data.path / "segments").exists():
        kept = _fit(data, heard, max_overshoot_s, faults, notes)
    else:
        kept = [(one, utterance) for one in heard for utterance in one.utterances]
    durations = {
        u.id: (one.header.duration_s if u.end_s is None else u.end_s) - u.start_s for one, u in kept
    }
    rates = Counter(one.levels.sample_rate for one in heard)
    if len(rates) > 1:
        counts = ", ".join(f"{count} at {rate} Hz" for rate, count in sorted(rates.items()))
        notes.append(f"{data.path}/wav.scp: sample rates are mixed: {counts}")
    _inspect_sound(f"{data.path}/wav.scp", heard, faults, notes)
    faults += _word_range_faults(placed_words, durations)
    return sum(durations.values()) / 3600


def _read_all(data: DataDir, faults: list[str]) -> list[_Heard]:
    of_recording: dict[str, list[Utterance]] = {}
    for utterance in data.utterances:
        of_recording.setdefault(utterance.recording, []).append(utterance)
    heard = []
    for recording, utterances in of_recording.items():
        if sound_of(recording) is None and not data.allow_commands:
            continue  # the scan has named it
        try:
            heard.append(_Heard(*read_through(data, utterances[0]), utterances, data.channel))
        except InputError as error:
            faults.append(str(error))
    return heard


def _fit(
    data: DataDir,
    heard: Sequence[_Heard],
    max_overshoot_s: float,
    faults: list[str],
    notes: list[str],
) -> list[tuple[_Heard, Utterance]]:
    """The segments that are kept, as their recordings can hold them; the others are told."""
    kept = []
    changed: dict[str, list[Utterance]] = {}
    for one in heard:
        for utterance in one.utterances:
            found, said = fitted(utterance, one.header, max_overshoot_s)
            if said:
                changed.setdefault(said, []).append(utterance)
            if found is not None:
                kept.append((one, found))
    for said, utterances in changed.items():
        more = f" (and {len(utterances) - 1} more like it)" if len(utterances) > 1 else ""
        notes.append(f"{utterances[0].place}: {utterances[0].id}: {said}{more}")
    if heard and not kept:
        faults.append(none_fits(data.path))
    return kept


def _inspect_sound(
    place: str, heard: Sequence[_Heard], faults: list[str], notes: list[str]
) -> None:
    """Silent, constant and clipped recordings; a set that is mostly silent is a fault."""
    kinds: dict[str, list[str]] = {}
    for one in heard:
        for kind in _kinds(one):
            kinds.setdefault(kind, []).append(one.name)
    notes += [
        f"{place}: {len(names)} of {len(heard)} recordings: {kind}: {_some(names)}"
        for kind, names in kinds.items()
    ]
    silent = [one for one in heard if one.is_silent]
    if 2 * len(silent) > len(heard):
        other = next((c for one in silent if (c := one.levels.live_channel()) is not None), None)
        remedy = "record them again" if other is None else f"use --channel {other}"
        faults.append(
            f"{place}: {len(silent)} of {len(heard)} recordings are silent, {silent[0].name} "
            f"first; nothing is learnt from silence: {remedy}, or leave them out"
        )


def _kinds(one: _Heard) -> Iterable[str]:
    """What is to be said of a recording."""
    live = one.levels.live_channel()
    for channel in sorted(one.used):
        level = one.levels.channels[channel]
        if one.levels.is_silent(channel) and live is not None:
            yield f"channel {channel} is silent, channel {live} is not: use --channel {live}"
        elif level.is_constant and level.offset:
            yield "constant, the same value from beginning to end"
        elif one.levels.is_silent(channel):
            yield f"silent, below {SILENT_DBFS:g} dBFS at the loudest"
        if level.is_clipped:
            yield f"clipped, more than {100 * CLIPPED_SHARE:g} % of the samples are cut off"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _word_range_faults(
    placed_words: list[tuple[Word, str]], durations: Mapping[str, float]
) -> list[str]:
    return [
        f"{place}: {word.word} ends at {word.end_s:g} s, but {word.utterance} is "
        f"{durations[word.utterance]:g} s long"
        for word, place in placed_words
        if word.utterance in durations and word.end_s > durations[word.utterance] + TIME_TOLERANCE_S
    ]
