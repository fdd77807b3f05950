"""The jobs that make Kokoro's speakers talk."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.data.synthesis.kokoro import Kokoro, KokoroFiles
from kws.data.synthesis.kokoro_mouth import KokoroMouth
from kws.data.synthesis.kokoro_speakers import KokoroSpeaker
from kws.data.synthesis.mixing import Noises
from kws.data.synthesis.phrases import Phrasebook
from kws.data.synthesis.utterances import Made, Recording, write_recording

ALONE_SHARE = 0.75  # of the positives: the keyword and nothing else, which takes less time
PHRASES = (1, 4)  # without a keyword, in an utterance


@dataclass(frozen=True)
class KokoroJob:
    """What some speakers say, one after the other: the network is loaded once for all.

    Attributes:
        speakers: each with the number of utterances per keyword, and the seconds without any.
        phrasebook: of words that are words: Kokoro is given text.
        recording: where it goes, and what is done to it.
        seed: with a speaker's name and what is said it decides everything.
        files: of Kokoro.
        clips: a folder that keeps what was said.
    """

    speakers: tuple[tuple[KokoroSpeaker, Mapping[str, int], float], ...]
    phrasebook: Phrasebook
    recording: Recording
    seed: tuple[int, ...]
    files: KokoroFiles
    clips: Path | None


def speak_with_kokoro(job: KokoroJob) -> list[Made]:
    """Make the utterances of the speakers and write their audio."""
    noises = Noises(job.recording.noise_files)
    kokoro: list[Kokoro] = []

    def loaded() -> Kokoro:
        if not kokoro:
            kokoro.append(Kokoro(job.files))
        return kokoro[0]

    made = []
    for speaker, positives, negative_s in job.speakers:
        mouth = KokoroMouth(speaker, job.files, loaded, job.clips)
        for keyword, count in positives.items():
            # another keyword beside it changes nothing of it
            generator = _generator(job, speaker, keyword)
            for index in range(count):
                alone = bool(generator.random() < ALONE_SHARE)
                phrase = job.phrasebook.positive(keyword, alone=alone, generator=generator)
                spoken = mouth.say_with(keyword, phrase, generator)
                name = f"{keyword.replace(' ', '_')}-{index:03d}"
                made.append(
                    write_recording(
                        job.recording, speaker.id, name, keyword, [spoken], noises, generator
                    )
                )
        generator, total_s, number = _generator(job, speaker, ""), 0.0, 0
        while total_s < negative_s:
            texts = [""]
            for _ in range(int(generator.integers(*PHRASES))):
                texts.append(job.phrasebook.negative(generator, after=texts[-1]))
            phrases = [mouth.say(text, generator) for text in texts[1:]]
            name = f"negative-{number:03d}"
            made.append(
                write_recording(job.recording, speaker.id, name, None, phrases, noises, generator)
            )
            total_s += made[-1].duration_s
            number += 1
    return made


def _generator(job: KokoroJob, speaker: KokoroSpeaker, what: str) -> np.random.Generator:
    name = zlib.crc32(f"{speaker.id}/{what}".encode())
    return np.random.default_rng((*job.seed, name))
