"""One long recording made of many utterances, with everything in it at known times."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kws.audio import Waveform, write_audio
from kws.data.ctm import Word
from kws.data.data_dir import DataDir, Utterance
from kws.data.writing import refuse_to_overwrite, write_data_dir
from kws.errors import InputError

GAP = "<gap>"
"""the word that stands for what lies between two utterances"""

# The gaps hold faint noise (0.7 of a 16-bit step) instead of zeros: a detector never meets exact
# zeros from a microphone. Utterances begin and end over 5 ms, so that no click marks their edges.
_GAP_NOISE = 0.7
_FADE_S = 0.005


def join_data_dir(
    data: DataDir,
    out: str | Path,
    *,
    gap_s: float,
    seed: int = 0,
    max_duration_s: float | None = None,
) -> DataDir:
    """Write a data dir of one utterance: the utterances of `data` joined in random order.

    Its `text` and `ctm` hold every utterance's words (see `words_of`) and a `<gap>` for each gap.
    The sample rate is that of the first utterance of `data`.

    Args:
        data: what is joined.
        out: the directory to write; its name becomes the utterance's id.
        gap_s: mean length of a gap, seconds.
        seed: draws the order, the gaps' lengths and their noise.
        max_duration_s: utterances for which there is no room are left out.

    Returns:
        the data dir of the utterances that were taken, in their order.

    Raises:
        InputError: an utterance cannot be read, or there is none that fits.
    """
    out = Path(out)
    refuse_to_overwrite(out, [data])
    name = out.resolve().name.replace(" ", "_")
    generator = np.random.default_rng(seed)
    lengths_s = [data.duration_s(utterance) for utterance in data.utterances]
    order = draw_order(lengths_s, gap_s=gap_s, max_duration_s=max_duration_s, generator=generator)
    taken = [data.utterances[i] for i in order]
    rate = data.load(data.utterances[0]).sample_rate if taken else 0
    samples, placed = join_recordings(
        ((utterance.id, data.load(utterance, rate)) for utterance in taken),
        {data.utterances[i].id: words_of(data.utterances[i], data, lengths_s[i]) for i in order},
        gap_s=gap_s,
        generator=generator,
        name=name,
    )
    audio = out / "audio" / f"{name}.flac"
    write_audio(audio, samples, rate)
    text = " ".join(word.word for word in placed)
    write_data_dir(out, [Utterance(name, name, text, str(audio))], ctm=placed)
    return dataclasses.replace(data, utterances=tuple(taken))


def words_of(utterance: Utterance, data: DataDir, duration_s: float) -> list[Word]:
    """An utterance's words with their times, whether it has times or not.

    Without times in the ctm each word of the transcript is given the span of the whole utterance:
    it is known to lie there, and no more.

    Args:
        utterance: one of `data`.
        data: the data dir it comes from.
        duration_s: seconds, of the utterance.
    """
    if data.words.get(utterance.id):
        return list(data.words[utterance.id])
    return [Word(utterance.id, 0.0, duration_s, token) for token in utterance.text.split()]


def join_recordings(
    recordings: Iterable[tuple[str, Waveform]],
    words: Mapping[str, Sequence[Word]],
    *,
    gap_s: float,
    generator: np.random.Generator,
    name: str = "joined",
) -> tuple[np.ndarray, list[Word]]:
    """Utterances one after the other, with gaps of random length before, between and after them.

    Args:
        recordings: (utterance id, waveform), in the order they are to come, all of one rate.
        words: each utterance's words, in seconds from its beginning.
        gap_s: mean length of a gap in seconds; lengths are uniform from half to 1.5 times of it.
        generator: draws the gaps' lengths and their noise.
        name: the utterance id of the words that are returned.

    Returns:
        samples (S,), float32 at 16-bit scale, and the words at their places in them, a word
        `<gap>` for each gap included, in the order of time.

    Raises:
        InputError: there is no utterance, or the sample rates differ.
    """
    pieces: list[np.ndarray] = []
    placed: list[Word] = []
    rate = num_samples = 0

    def add_gap() -> None:
        nonlocal num_samples
        length = round(gap_s * generator.uniform(0.5, 1.5) * rate)
        pieces.append(generator.normal(0.0, _GAP_NOISE, length).astype(np.float32))
        placed.append(Word(name, num_samples / rate, (num_samples + length) / rate, GAP))
        num_samples += length

    for utterance_id, waveform in recordings:
        if not pieces:
            rate = waveform.sample_rate
            add_gap()
        if waveform.sample_rate != rate:
            raise InputError(
                f"{utterance_id}: its sample rate is {waveform.sample_rate} Hz, the first "
                f"recording's is {rate} Hz; load all of them at one rate"
            )
        start_s = num_samples / rate
        placed += [
            dataclasses.replace(
                w, utterance=name, start_s=start_s + w.start_s, end_s=start_s + w.end_s
            )
            for w in words.get(utterance_id, ())
        ]
        pieces.append(_faded(waveform))
        num_samples += len(waveform.samples)
        add_gap()
    if not pieces:
        raise InputError("there is no utterance to join; name a data dir that has some")
    return np.concatenate(pieces), placed


def _faded(waveform: Waveform) -> np.ndarray:
    samples = waveform.samples.astype(np.float32)
    length = min(round(_FADE_S * waveform.sample_rate), len(samples) // 2)
    ramp = (np.arange(length, dtype=np.float32) + 0.5) / max(length, 1)
    samples[:length] *= ramp
    samples[len(samples) - length :] *= ramp[::-1]
    return samples


def draw_order(
    lengths_s: Sequence[float],
    *,
    gap_s: float,
    max_duration_s: float | None,
    generator: np.random.Generator,
) -> list[int]:
    """A random order of utterances, cut where the joined recording would grow too long.

    Args:
        lengths_s: seconds of each utterance.
        gap_s: mean length of a gap; counted at its longest.
        max_duration_s: seconds of the joined recording; None takes all utterances.
        generator: draws the order.

    Returns:
        positions in `lengths_s`.

    Raises:
        InputError: not even the first utterance fits.
    """
    order = [int(i) for i in generator.permutation(len(lengths_s))]
    if max_duration_s is None:
        return order
    total_s = 1.5 * gap_s
    taken = []
    for i in order:
        total_s += lengths_s[i] + 1.5 * gap_s
        if total_s > max_duration_s:
            break
        taken.append(i)
    if not taken:
        raise InputError(
            f"a joined recording of at most {max_duration_s:g} s has no room for an utterance of "
            f"{lengths_s[order[0]]:g} s and its gaps; allow more seconds"
        )
    return taken
