"""The jobs that make audio: one speaker's utterances, babble, noises and rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.audio import write_audio
from kws.data.ctm import Word
from kws.data.data_dir import Utterance
from kws.data.synthesis.mixing import EDGE_S, PAUSE_S, Noises, finish, join, rms
from kws.data.synthesis.mouth import SAMPLE_RATE, Mouth, Samples, Spoken
from kws.data.synthesis.noise import MAKERS, mix_of_voices
from kws.data.synthesis.phrases import Phrasebook
from kws.data.synthesis.rooms import room_response
from kws.data.synthesis.speakers import Speaker

NEGATIVE_UTTERANCE_S = (15.0, 35.0)  # phrases are strung together up to a length in this range
ALONE_SHARE = 0.5  # of the positives: the keyword and nothing else
VOICES_IN_BABBLE = 5
BABBLE, ROOM = "babble", "room"


@dataclass(frozen=True)
class Recording:
    """Where utterances go, and what is done to them."""

    audio_dir: Path
    noise_files: tuple[Path, ...]
    noise_share: float
    snr_db: tuple[float, float]


@dataclass(frozen=True)
class SpeakerJob:
    """What one speaker says, and where it goes."""

    speaker: Speaker
    phrasebook: Phrasebook
    known_phonemes: frozenset[str]
    """those that the speaker's accent has"""
    recording: Recording
    seed: tuple[int, ...]
    positives: Mapping[str, int]
    """utterances per keyword"""
    negative_s: float
    """seconds of utterances without any keyword, at least"""


@dataclass(frozen=True)
class SoundJob:
    """A recording of a noise, of babble or of a room's response."""

    kind: str
    """of `noise.MAKERS`, or `babble`, or `room`"""
    path: Path
    duration_s: float
    set_name: str
    seed: tuple[int, ...]
    speakers: tuple[Speaker, ...] = ()
    """of whom babble takes some"""
    known_phonemes: Mapping[str, frozenset[str]] | None = None
    """by accent, of the speakers"""
    phrasebook: Phrasebook | None = None


@dataclass(frozen=True)
class Made:
    """An utterance that lies on disk."""

    utterance: Utterance
    words: tuple[Word, ...]
    duration_s: float
    keyword: str | None
    """the keyword that it was made for"""


def speak(job: SpeakerJob) -> list[Made]:
    """Make all of one speaker's utterances and write their audio."""
    generator = np.random.default_rng(job.seed)
    mouth = Mouth(job.speaker, job.phrasebook.pronunciations, job.known_phonemes)
    noises = Noises(job.recording.noise_files)
    made = []
    for keyword, count in job.positives.items():
        for index in range(count):
            alone = bool(generator.random() < ALONE_SHARE)
            phrase = job.phrasebook.positive(keyword, alone=alone, generator=generator)
            name = f"{keyword.replace(' ', '_')}-{index:03d}"
            spoken = [mouth.say(phrase)]
            made.append(
                write_recording(
                    job.recording, job.speaker.id, name, keyword, spoken, noises, generator
                )
            )
    negative_s = 0.0
    while negative_s < job.negative_s:
        name = f"negative-{len(made):03d}"
        length_s = min(generator.uniform(*NEGATIVE_UTTERANCE_S), job.negative_s - negative_s)
        phrases = _phrases(job.phrasebook, mouth, length_s, generator)
        made.append(
            write_recording(job.recording, job.speaker.id, name, None, phrases, noises, generator)
        )
        negative_s += made[-1].duration_s
    return made


def _phrases(
    phrasebook: Phrasebook, mouth: Mouth, length_s: float, generator: np.random.Generator
) -> list[Spoken]:
    """Negative phrases that fill about `length_s` with the silence around them."""
    phrases: list[Spoken] = []
    total_s = sum(EDGE_S)
    text = ""
    while not phrases or total_s < length_s:
        text = phrasebook.negative(generator, after=text)
        phrases.append(mouth.say(text))
        total_s += len(phrases[-1].samples) / SAMPLE_RATE + sum(PAUSE_S) / 2
    return phrases


def write_recording(
    recording: Recording,
    speaker: str,
    name: str,
    keyword: str | None,
    phrases: list[Spoken],
    noises: Noises,
    generator: np.random.Generator,
) -> Made:
    """Write an utterance: phrases at a level and in a background that are drawn.

    Args:
        recording: where it goes.
        speaker: the speaker's id.
        name: of the utterance, without the speaker's.
        keyword: that it was made for.
        phrases: said one after the other.
        noises: what backgrounds are cut from.
        generator: where chance comes from.
    """
    samples, words = join(phrases, generator)
    samples = finish(
        samples,
        rms(np.concatenate([phrase.samples for phrase in phrases])),
        noises=noises,
        noise_share=recording.noise_share,
        snr_db=recording.snr_db,
        generator=generator,
    )
    utterance_id = f"{speaker}-{name}"
    path = recording.audio_dir / f"{utterance_id}.flac"
    write_audio(path, samples, SAMPLE_RATE)
    return Made(
        Utterance(utterance_id, speaker, " ".join(word for word, _, _ in words), str(path)),
        tuple(Word(utterance_id, start_s, end_s, word) for word, start_s, end_s in words),
        len(samples) / SAMPLE_RATE,
        keyword,
    )


def make_sound(job: SoundJob) -> float:
    """Make one recording of noise, of babble or of a room's response; its length in seconds."""
    generator = np.random.default_rng(job.seed)
    num_samples = round(job.duration_s * SAMPLE_RATE)
    if job.kind == ROOM:
        samples = room_response(SAMPLE_RATE, generator)
    elif job.kind == BABBLE:
        samples = _babble(job, num_samples, generator)
    else:
        samples = MAKERS[job.set_name][job.kind](num_samples, SAMPLE_RATE, generator)
    if job.kind != ROOM:
        samples = samples * np.float32(min(1.0, 32000 / np.abs(samples).max()))
    write_audio(job.path, samples, SAMPLE_RATE)
    return len(samples) / SAMPLE_RATE


def _babble(job: SoundJob, num_samples: int, generator: np.random.Generator) -> Samples:
    assert job.phrasebook is not None and job.known_phonemes is not None
    chosen = generator.choice(len(job.speakers), size=VOICES_IN_BABBLE)
    voices = []
    for speaker in (job.speakers[int(index)] for index in chosen):
        mouth = Mouth(speaker, job.phrasebook.pronunciations, job.known_phonemes[speaker.accent])
        pieces: list[Samples] = []
        while sum(len(piece) for piece in pieces) < num_samples:
            pieces.append(mouth.say(job.phrasebook.negative(generator)).samples)
        voices.append(np.concatenate(pieces)[:num_samples])
    return mix_of_voices(voices)
