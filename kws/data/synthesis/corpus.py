"""A corpus of synthetic speech: data dirs train, dev and test, noises and rooms."""

from __future__ import annotations

import json
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kws.data.data_dir import Utterance
from kws.data.synthesis.espeak_library import require_espeak
from kws.data.synthesis.jobs import Workers
from kws.data.synthesis.kokoro import NOTICE, KokoroFiles
from kws.data.synthesis.kokoro_speakers import draw_kokoro_speakers
from kws.data.synthesis.kokoro_utterances import KokoroJob, speak_with_kokoro
from kws.data.synthesis.noise import MAKERS
from kws.data.synthesis.options import CorpusOptions, Natural, PhraseShares
from kws.data.synthesis.speakers import Speaker, draw_speakers
from kws.data.synthesis.survey import Survey, survey
from kws.data.synthesis.utterances import (
    BABBLE,
    ROOM,
    Made,
    Recording,
    SoundJob,
    SpeakerJob,
    make_sound,
    speak,
)
from kws.data.writing import write_data_dir
from kws.errors import InputError
from kws.files import read_text, write_text

SETS = ("train", "dev", "test")
RECORD = "synthesis.json"  # in every finished directory: the options it was made with
FORMAT = 1  # raise it when the same options give other audio
SPEAKERS_PER_JOB = 4  # of Kokoro, whose network takes two seconds to load
RECORDINGS_PER_KIND = {"train": 2, "dev": 1, "test": 1}
NOISE_TEXT = "<noise>"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class SetSummary:
    """What a finished directory holds."""

    name: str
    num_utterances: int
    num_speakers: int
    hours: float
    negative_hours: float
    positives: Mapping[str, int]
    """utterances per keyword"""
    was_there: bool
    """made by an earlier run"""


def synthesize_corpus(
    out: str | Path,
    options: CorpusOptions,
    *,
    num_processes: int = 2,
    on_progress: Progress = lambda name, done, total: None,
    kokoro: KokoroFiles | None = None,
    clips: Path | None = None,
) -> list[SetSummary]:
    """Make the data dirs OUT/train, dev and test, OUT/noise_train, noise_dev and noise_test, and
    OUT/rir_train.

    A directory appears when it is complete; one that an earlier run with the same options has
    completed stays. The result depends on the options alone, not on the number of processes.

    Args:
        out: the folder, made when absent.
        options: what to make.
        num_processes: how many processes speak at once.
        on_progress: called with (directory's name, jobs done, all jobs).
        kokoro: the neural synthesiser, for options with natural voices.
        clips: a folder that keeps what it says.

    Returns:
        what each directory holds, in the order of making.

    Raises:
        InputError: espeak-ng is not there or cannot say a keyword, or a directory to be made
            exists and was not made with these options.
    """
    if num_processes < 1:
        raise InputError(f"{num_processes} processes: must be 1 or more")
    require_espeak()
    out = Path(out)
    names = [f"noise_{name}" for name in SETS] + ["rir_train", *SETS]
    found = {name: _finished(out / name, _record(name, options)) for name in names}
    if all(found.values()):
        return [summary for summary in found.values() if summary]
    for leftover in out.glob(".*.making"):
        shutil.rmtree(leftover)
    with Workers(num_processes) as workers:
        known = workers.run(survey, [options.keywords])[0]
        return [
            found[name]
            or _Maker(out, name, options, known, workers, on_progress, kokoro, clips).make()
            for name in names
        ]


def _record(name: str, options: CorpusOptions) -> dict[str, Any]:
    """The options that the content of the directory `name` depends on."""
    kind, _, of_set = name.rpartition("_")
    record: dict[str, Any] = {"format": FORMAT, "seed": options.seed}
    if kind == "rir":
        return record | {"num_rooms": options.num_rooms}
    record |= {"keywords": options.keywords, "noise_s": options.noise_s}
    record |= asdict(options.set_options(of_set))
    if kind == "noise":
        record["natural"] = None  # babble is of espeak-ng's voices
    return json.loads(json.dumps(record))  # type: ignore[no-any-return]  # tuples as JSON has them


def _finished(path: Path, wanted: dict[str, Any]) -> SetSummary | None:
    """What a finished directory holds; None when there is no such directory."""
    if not path.exists():
        return None
    try:
        content = json.loads(read_text(path / RECORD))
        made, summary = content["options"], SetSummary(**content["summary"], was_there=True)
    except (InputError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: exists and was not made by synthesis (no {RECORD}); choose another folder"
        ) from None
    for key in wanted.keys() | made.keys():
        if made.get(key) != wanted.get(key):
            raise InputError(
                f"{path}: was made with {key.replace('_', '-')} {made.get(key)}, not "
                f"{wanted.get(key)}; remove it or choose another folder"
            )
    return summary


@dataclass(frozen=True)
class _Maker:
    """Makes one directory."""

    out: Path
    name: str
    options: CorpusOptions
    known: Survey
    workers: Workers
    on_progress: Progress
    kokoro: KokoroFiles | None
    clips: Path | None

    def make(self) -> SetSummary:
        workplace = self.out / f".{self.name}.making"
        workplace.mkdir(parents=True)
        try:
            made = self._speech(workplace) if self.name in SETS else self._sounds(workplace)
            summary = self._summary(made)
            words = [word for one in made for word in one.words]
            write_data_dir(workplace, [one.utterance for one in made], ctm=words)
            content = {
                "options": _record(self.name, self.options),
                "summary": {k: v for k, v in asdict(summary).items() if k != "was_there"},
            }
            if any("-kokoro" in one.utterance.speaker for one in made):
                write_text(workplace / "LICENSE.kokoro.txt", f"{NOTICE}\n")
            write_text(workplace / RECORD, json.dumps(content, indent=1) + "\n")
            workplace.rename(self.out / self.name)
        except OSError as error:
            error.filename = error.filename or str(self.out / self.name)
            raise
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
        return summary

    @property
    def _set_name(self) -> str:
        return self.name.rpartition("_")[2]

    def _seed(self, *parts: str | int) -> tuple[int, ...]:
        text = "/".join((self.name, *map(str, parts)))
        return (self.options.seed, zlib.crc32(text.encode()))

    def _speakers(self) -> list[Speaker]:
        """The speakers of the set, the same for its speech and its babble."""
        options = self.options.set_options(self._set_name)
        seed = (self.options.seed, zlib.crc32(self._set_name.encode()))
        return draw_speakers(
            self._set_name,
            options.num_speakers,
            foreign_share=options.foreign_share,
            generator=np.random.default_rng(seed),
        )

    def _run(self, function: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
        return self.workers.run(
            function, jobs, lambda done, total: self.on_progress(self.name, done, total)
        )

    def _speech(self, workplace: Path) -> list[Made]:
        options = self.options.set_options(self._set_name)
        recording = Recording(
            workplace / "audio",
            tuple(sorted((self.out / f"noise_{self.name}").glob("audio/*.flac"))),
            options.noise_share,
            options.snr_db,
        )
        # with natural voices espeak-ng's say no keyword: they sound like nobody
        positives = options.positives if options.natural is None else 0
        book = self.known.phrasebook(self.options.keywords, self.name, options.phrases)
        jobs = []
        for index, speaker in enumerate(self._speakers()):
            jobs.append(
                SpeakerJob(
                    speaker=speaker,
                    phrasebook=book,
                    known_phonemes=self.known.known_phonemes[speaker.accent],
                    recording=recording,
                    seed=self._seed(index),
                    positives={
                        keyword: _share(positives, options.num_speakers, index + place)
                        for place, keyword in enumerate(self.options.keywords)
                    },
                    negative_s=3600 * options.negative_hours / options.num_speakers,
                )
            )
        tasks: list[tuple[Callable[[Any], Any], Any]] = [(speak, job) for job in jobs]
        if options.natural is not None:
            tasks += self._natural(options.natural, recording)
        return [one for made in self._run(_done, tasks) for one in made]

    def _natural(
        self, natural: Natural, recording: Recording
    ) -> list[tuple[Callable[[Any], Any], Any]]:
        """Jobs of some of Kokoro's speakers each."""
        assert self.kokoro is not None
        count, keywords = natural.num_speakers, self.options.keywords
        # the speakers are the same whatever the keywords are, and so are clips of what they say
        seed = (self.options.seed, zlib.crc32(f"kokoro/{self.name}".encode()))
        drawn = draw_kokoro_speakers(self.name, count, np.random.default_rng(seed))
        book = self.known.phrasebook(keywords, self.name, PhraseShares(natural.confusable))
        speakers = [
            (
                speaker,
                {
                    keyword: _share(natural.positives, count, index + place)
                    for place, keyword in enumerate(keywords)
                },
                3600 * natural.negative_hours / count,
            )
            for index, speaker in enumerate(drawn)
        ]
        return [
            (
                speak_with_kokoro,
                KokoroJob(
                    tuple(speakers[first : first + SPEAKERS_PER_JOB]),
                    book,
                    recording,
                    seed,
                    self.kokoro,
                    self.clips,
                ),
            )
            for first in range(0, count, SPEAKERS_PER_JOB)
        ]

    def _sounds(self, workplace: Path) -> list[Made]:
        """Noises and babble of a set, or rooms."""
        if self.name.startswith("noise"):
            kinds = (*MAKERS[self._set_name], BABBLE)
            names = [
                (kind, f"{kind}-{self._set_name}-{index}")
                for kind in kinds
                for index in range(RECORDINGS_PER_KIND[self._set_name])
            ]
        else:
            names = [(ROOM, f"{ROOM}-{index:03d}") for index in range(self.options.num_rooms)]
        book = self.known.phrasebook(self.options.keywords, self._set_name, PhraseShares())
        jobs = [
            SoundJob(
                kind=kind,
                path=workplace / "audio" / f"{name}.flac",
                duration_s=self.options.noise_s,
                set_name=self._set_name,
                seed=self._seed(name),
                speakers=tuple(self._speakers()) if kind == BABBLE else (),
                known_phonemes=self.known.known_phonemes if kind == BABBLE else None,
                phrasebook=book if kind == BABBLE else None,
            )
            for kind, name in names
        ]
        durations = self._run(make_sound, jobs)
        return [
            Made(Utterance(job.path.stem, job.path.stem, NOISE_TEXT, str(job.path)), (), s, None)
            for job, s in zip(jobs, durations, strict=True)
        ]

    def _summary(self, made: list[Made]) -> SetSummary:
        return SetSummary(
            name=self.name,
            num_utterances=len(made),
            num_speakers=len({one.utterance.speaker for one in made}),
            hours=_hours(made),
            negative_hours=_hours(one for one in made if one.keyword is None),
            positives=dict(Counter(one.keyword for one in made if one.keyword is not None)),
            was_there=False,
        )


def _done(task: tuple[Callable[[Any], Any], Any]) -> Any:
    function, job = task
    return function(job)


def _hours(made: Iterable[Made]) -> float:
    return sum(one.duration_s for one in made) / 3600


def _share(total: int, parts: int, index: int) -> int:
    """The part `index` (modulo `parts`) of `total` cut into whole parts as equal as can be."""
    return (total * (index % parts + 1)) // parts - (total * (index % parts)) // parts
