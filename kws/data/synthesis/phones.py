"""A small corpus of synthetic speech with phone transcripts and their times, in TIMIT's form."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kws.audio import resample, write_audio
from kws.data.ctm import Word
from kws.data.data_dir import Utterance
from kws.data.phone_dir import write_phone_dir
from kws.data.synthesis.espeak import Event, Synthesiser
from kws.data.synthesis.espeak_library import EVENT_PHONEME, require_espeak
from kws.data.synthesis.jobs import Workers
from kws.data.synthesis.mixing import FULL_SCALE, PEAK, rms
from kws.data.synthesis.mouth import SAMPLE_RATE, Samples
from kws.data.synthesis.phrases import SENTENCE_PARTS
from kws.data.synthesis.sentences import SENTENCES
from kws.data.synthesis.speakers import VARIANTS, Speaker, draw_speakers
from kws.errors import InputError

VOICE = "gmw/en-US"
SILENCE = "sil"
EDGE_S = (0.1, 0.3)  # of silence before and after a sentence
LEVEL_DB = (-30.0, -20.0)  # of speech, re full scale
HISS_DB = (-75.0, -65.0)  # under everything, so that no frame is digital silence

# espeak-ng's American English phonemes in TIMIT's 48 phones; vowels with r are two of them
_PHONES = """
i iy|i: iy|I ih|I2 ix|I# ix|E eh|a ae|aa ae|A: aa|0 aa|O ao|O: ao|O2 ao|V ah|U uh|u: uw
3: er|3 er|@ ax|@2 ax|@- ax|a# ax|@L el|n- en|eI ey|aI ay|OI oy|aU aw|oU ow
A@ aa r|O@ ao r|o@ ao r|U@ uh r|e@ eh r|i@ iy ax|i@3 ih r|aI3 ay er|aI@ ay ax
p p|t t|t2 t|t# dx|k k|b b|d d|g g|tS ch|dZ jh|f f|v v|T th|D dh|s s|z z|S sh|Z zh|h hh
m m|n n|N ng|l l|r r|r- r|w w|j y
"""
PHONES: Mapping[str, tuple[str, ...]] = {
    names.split()[0]: tuple(names.split()[1:])
    for names in _PHONES.strip().replace("\n", "|").split("|")
}
_PARTS_OF_PHONES = frozenset({";", "?"})  # palatal colour; the glottal stop, TIMIT's deleted q


@dataclass(frozen=True)
class PhoneCorpusOptions:
    """How large the corpus is."""

    speakers: int = 24
    """of train; dev and test have a quarter each, 2 at least"""
    utterances: int = 8
    """of each speaker"""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.speakers < 2 or self.utterances < 1:
            raise InputError(
                f"{self.speakers} speakers with {self.utterances} utterances: 2 speakers and 1 "
                "utterance are the least"
            )

    def num_speakers(self, set_name: str) -> int:
        return self.speakers if set_name == "train" else max(2, self.speakers // 4)


@dataclass(frozen=True)
class SpokenPhones:
    """An utterance that lies on disk, and its phones."""

    utterance: Utterance
    phones: tuple[Word, ...]
    duration_s: float


@dataclass(frozen=True)
class _Job:
    """One speaker's sentences, and the folder for their audio."""

    speaker: Speaker
    sentences: tuple[str, ...]
    audio: Path
    seed: tuple[int, ...]


def synthesize_phones(
    out: str | Path, options: PhoneCorpusOptions, *, num_processes: int = 2
) -> dict[str, list[SpokenPhones]]:
    """Make the data dirs OUT/train, OUT/dev and OUT/test of espeak-ng's American English.

    No voice variant and no sentence of one set is in another. A phone begins at the synthesiser's
    event for it and ends at the next; stops are one phone, closure and release together. The
    result depends on the options alone.

    Args:
        out: the folder, made when absent.
        options: how large.
        num_processes: how many processes speak at once.

    Returns:
        what was made, by set.

    Raises:
        InputError: espeak-ng is not there.
    """
    require_espeak()
    made: dict[str, list[SpokenPhones]] = {}
    with Workers(num_processes) as workers:
        for set_name in VARIANTS:
            jobs = _jobs(Path(out) / set_name / "audio", set_name, options)
            made[set_name] = [one for of_job in workers.run(_speak, jobs) for one in of_job]
            write_phone_dir(
                Path(out) / set_name,
                [one.utterance for one in made[set_name]],
                phones=[phone for one in made[set_name] for phone in one.phones],
            )
    return made


def _jobs(audio: Path, set_name: str, options: PhoneCorpusOptions) -> list[_Job]:
    seed = (options.seed, zlib.crc32(f"phones/{set_name}".encode()))
    generator = np.random.default_rng(seed)
    drawn = draw_speakers(
        set_name, options.num_speakers(set_name), foreign_share=0.0, generator=generator
    )
    mine = [s for i, s in enumerate(SENTENCES) if i % 5 in SENTENCE_PARTS[set_name]]
    jobs = []
    for index, speaker in enumerate(drawn):
        named = replace(
            speaker,
            id=f"{set_name}{index:03d}_{speaker.variant}".lower(),
            accent=VOICE,
            manner=replace(speaker.manner, word_gap=0),  # people make no pause between two words
        )
        order = generator.permutation(len(mine))
        chosen = tuple(
            mine[i] for i in itertools.islice(itertools.cycle(order), options.utterances)
        )
        jobs.append(_Job(named, chosen, audio, (*seed, index)))
    return jobs


def _speak(job: _Job) -> list[SpokenPhones]:
    generator = np.random.default_rng(job.seed)
    synthesiser = Synthesiser()
    synthesiser.choose(job.speaker.voice, job.speaker.manner)
    made = []
    for index, sentence in enumerate(job.sentences):
        speech = synthesiser.say(sentence)
        # played at another rate than it was made at, it comes from a longer or shorter tract
        rate = round(speech.sample_rate / job.speaker.tract)
        edges = [round(generator.uniform(*EDGE_S) * SAMPLE_RATE) for _ in range(2)]
        samples = np.pad(resample(speech.samples.astype(np.float32), rate, SAMPLE_RATE), edges)
        utterance_id = f"{job.speaker.id}-{index:03d}"
        phones = timed_phones(
            utterance_id,
            synthesiser.events,
            rate=rate,
            start_s=edges[0] / SAMPLE_RATE,
            end_s=len(samples) / SAMPLE_RATE,
        )
        path = job.audio / f"{utterance_id}.flac"
        write_audio(path, _recorded(samples, edges, generator), SAMPLE_RATE)
        text = " ".join(phone.word for phone in phones)
        made.append(
            SpokenPhones(
                Utterance(utterance_id, job.speaker.id, text, str(path)),
                tuple(phones),
                len(samples) / SAMPLE_RATE,
            )
        )
    return made


def _recorded(samples: Samples, edges: Sequence[int], generator: np.random.Generator) -> Samples:
    """Speech at a random level, with a little hiss under it."""
    speech = samples[edges[0] : len(samples) - edges[1]]
    level, hiss = (10 ** (generator.uniform(*db) / 20) * FULL_SCALE for db in (LEVEL_DB, HISS_DB))
    scaled = samples * np.float32(level / rms(speech))
    noise = generator.standard_normal(len(samples), dtype=np.float32)
    scaled = scaled + noise * np.float32(hiss)
    return scaled * np.float32(min(1.0, PEAK / np.abs(scaled).max()))


def timed_phones(
    utterance: str, events: Sequence[Event], *, rate: int, start_s: float, end_s: float
) -> list[Word]:
    """The phones of the synthesiser's events, with silence before, after and in pauses.

    Args:
        utterance: the phones' utterance.
        events: of one `say`; phonemes and pauses count.
        rate: samples per second of the events.
        start_s: when the synthesiser's first sample is heard; silence until then.
        end_s: the utterance's end.

    Raises:
        InputError: the synthesiser says a phoneme that has no phone.
    """
    begun: list[tuple[float, tuple[str, ...]]] = [(0.0, (SILENCE,))]
    for event in events:
        name = event.phoneme.lstrip("',%=")
        if event.type != EVENT_PHONEME or name in _PARTS_OF_PHONES:
            continue
        phones = (SILENCE,) if name.startswith("_") else PHONES.get(name)
        if phones is None:
            raise InputError(f"espeak-ng: its phoneme {name!r} has no phone of TIMIT's")
        begun.append((start_s + event.sample / rate, phones))
    begun.append((end_s, ()))
    timed: list[Word] = []
    for (start, phones), (end, _) in itertools.pairwise(begun):
        share = (end - start) / len(phones)
        for index, phone in enumerate(phones):
            word = Word(utterance, start + index * share, start + (index + 1) * share, phone)
            if phone == SILENCE and timed and timed[-1].word == SILENCE:
                timed[-1] = replace(timed[-1], end_s=word.end_s)
            elif share > 0:
                timed.append(word)
    return timed
