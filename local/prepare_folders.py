#!/usr/bin/env python3
"""Make train, dev and test data dirs of folders of recordings: one per keyword, and others.

    local/prepare_folders.py data/mine --keyword "view glass"=rec/view_glass \
        --keyword jarvis=rec/jarvis --negative rec/other --speaker-pattern '^([a-z]+)_'
"""

from __future__ import annotations

import collections
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from kws.data import NO_TRANSCRIPT, DataDir, Utterance
from kws.data.audio_check import read_through
from kws.data.corpus import (
    SPLITS,
    content_hash,
    draw_splits,
    find_recordings,
    id_part,
    sort_out_unreadable,
    split_of,
    write_splits,
)
from kws.errors import InputError
from kws.evaluation.bounds import binomial_estimate, poisson_upper
from kws.words import check_keywords

NOISE_TEXT = "<noise>"


def main(
    out: Annotated[Path, typer.Argument(help="Folder for train, dev, test (and noise).")],
    keyword: Annotated[
        list[str] | None,
        typer.Option(metavar="KEYWORD=DIR", help="Recordings of a keyword; may be repeated."),
    ] = None,
    negative: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Recordings without any keyword; may be repeated."),
    ] = None,
    noise: Annotated[
        list[Path] | None,
        typer.Option(metavar="DIR", help="Background noise for OUT/noise; may be repeated."),
    ] = None,
    dev: Annotated[float, typer.Option(help="Share of dev.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share of test.")] = 0.25,
    speaker_pattern: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Its first group finds the speaker in a file's path below DIR; speakers then stay "
            "together, if they are as many as sets. Other files are split one by one.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that cannot be read.")
    ] = False,
) -> None:
    """Make data dirs OUT/train, OUT/dev and OUT/test of folders of recordings.

    Whatever libsndfile reads is taken (wav, FLAC, Opus, MP3, ...), at any sample rate; the audio
    stays where it is. Of a keyword three takes are enough for one each in train, dev and test; what
    the few of test can show is printed. From 20 speakers (or takes) of a keyword on, the split
    depends on the speaker (or the file) alone, so that it stays when recordings are added.

    \b
    Examples:
      local/prepare_folders.py data/mine --keyword "view glass"=rec/view_glass --negative rec/other
      local/prepare_folders.py data/mine --keyword jarvis=rec/jarvis --speaker-pattern '^([^_/]+)_'
    """
    folders = [_keyword_folder(text) for text in keyword or []]
    keywords = list(dict.fromkeys(text for text, _ in folders))
    check_keywords(keywords)
    folders += [(NO_TRANSCRIPT, path) for path in negative or []]
    if not folders:
        raise InputError('name recordings: --keyword "view glass"=DIR and --negative DIR')
    split_of("", dev=dev, test=test)  # names wrong shares before the audio is read
    pattern = _speaker_pattern(speaker_pattern)
    found = {
        text: _utterances(text, [d for t, d in folders if t == text], pattern)
        for text in dict.fromkeys(text for text, _ in folders)
    }
    keys = {u.id: key for of_text in found.values() for key, u in of_text.items()}
    _refuse_two_texts(found)
    noises = list(_utterances(NOISE_TEXT, noise, None).values()) if noise else []
    utterances = [utterance for of_text in found.values() for utterance in of_text.values()]
    utterances = _readable(out, utterances, skip_bad)
    noises = _readable(out, noises, skip_bad)
    wanted = {"train": 1 - dev - test, "dev": dev, "test": test}
    used = [name for name in SPLITS if wanted[name] > 0]
    key_of = _keys(utterances, keys, used)
    drawn = draw_splits(
        {text: [key_of[u.id] for u in utterances if u.text == text] for text in found},
        dev=dev,
        test=test,
    )
    splits = {name: [u for u in utterances if drawn[key_of[u.id]] == name] for name in SPLITS}
    write_splits(out, {**splits, "noise": noises})
    for name, of_split in splits.items():
        _print_split(out / name, of_split, list(found) if name in used else [])
    for name in keywords:
        _print_claim(out / "test", splits["test"], name)
    if NO_TRANSCRIPT not in found:
        print(
            f"{out}: warning: there are no recordings without a keyword, which recipes/run.sh "
            "needs in train and dev; give some with --negative DIR"
        )
    if noises:
        print(f"{out / 'noise'}: {len(noises)} recordings")


def _keyword_folder(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (equals and name.split() and folder):
        raise InputError(
            f'--keyword {text}: is not of the form KEYWORD=DIR, such as "ok go"=rec/ok'
        )
    return " ".join(name.split()), Path(folder)


def _speaker_pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise InputError(f"--speaker-pattern {text}: not a regular expression: {error}") from None
    if not pattern.groups:
        raise InputError(
            f"--speaker-pattern {text}: has no group; put the speaker into brackets: '^([a-z]+)_'"
        )
    return pattern


def _utterances(
    text: str, folders: list[Path], pattern: re.Pattern[str] | None
) -> dict[str, Utterance]:
    """The recordings in folders of one text by the hash of their content; each content once."""
    label = {NO_TRANSCRIPT: "negative", NOISE_TEXT: "noise"}.get(text, id_part(text))
    found: dict[str, Utterance] = {}
    num_repeated = num_without_speaker = 0
    for folder in folders:
        recordings, others = find_recordings(folder)
        if others:
            suffixes = sorted({path.suffix or path.name for path in others})
            print(f"{folder}: {len(others)} other files passed over ({', '.join(suffixes)})")
        for path in recordings:
            key = content_hash(path)
            if key in found:
                num_repeated += 1
                continue
            match = pattern.search(path.relative_to(folder).as_posix()) if pattern else None
            speaker = id_part(match.group(1) or "") if match else ""
            num_without_speaker += not speaker
            parts = [speaker, label, id_part(path.stem), key[:8]]
            utterance_id = "-".join(part for part in parts if part)
            found[key] = Utterance(utterance_id, speaker or utterance_id, text, str(path))
    if num_repeated:
        print(f"{label}: {num_repeated} files repeat another one's content; each is taken once")
    if pattern and num_without_speaker:
        print(f"{label}: the speaker pattern does not match {num_without_speaker} files")
    return found


def _refuse_two_texts(found: dict[str, dict[str, Utterance]]) -> None:
    seen: dict[str, Utterance] = {}
    for of_text in found.values():
        for key, utterance in of_text.items():
            other = seen.setdefault(key, utterance)
            if other is not utterance:
                raise InputError(
                    f"{utterance.recording}: given as {utterance.text!r}, but {other.recording} "
                    f"with the same content as {other.text!r}; keep one"
                )


def _readable(out: Path, utterances: list[Utterance], skip_bad: bool) -> list[Utterance]:
    data = DataDir(out, tuple(utterances), {})
    good, faults = sort_out_unreadable(utterances, lambda u: read_through(data, u))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults and not skip_bad:
        raise InputError(
            f"{len(faults)} of {len(utterances)} recordings cannot be read; mend or remove them, "
            "or leave them out with --skip-bad"
        )
    if utterances and not good:
        raise InputError("none of the recordings can be read")
    return good


def _keys(utterances: list[Utterance], contents: dict[str, str], sets: list[str]) -> dict[str, str]:
    """What is not torn apart by the split, for each utterance: its speaker, or else its content.

    Args:
        utterances: all of them.
        contents: the hash of each one's content.
        sets: those of train, dev and test that are wanted.

    Raises:
        InputError: a keyword has fewer recordings than there are sets.
    """
    keys = {u.id: contents[u.id] if u.speaker == u.id else u.speaker for u in utterances}
    for text in dict.fromkeys(u.text for u in utterances):
        ids = [u.id for u in utterances if u.text == text]
        if len(ids) < len(sets) and text != NO_TRANSCRIPT:
            raise InputError(
                f"--keyword {text}: {len(ids)} recordings are too few for {', '.join(sets)}; give "
                f"{len(sets)} or more, or leave a set out (--dev 0 or --test 0)"
            )
        num_keys = len({keys[i] for i in ids})
        if num_keys < min(len(sets), len(ids)):
            keys |= {i: contents[i] for i in ids}
            print(
                f"{text!r}: {num_keys} speakers are fewer than the sets: their recordings are "
                "split one by one, and test holds voices that were trained on"
            )
    return keys


def _print_claim(path: Path, utterances: list[Utterance], keyword: str) -> None:
    """What a test without any mistake would show of a keyword: the bounds that its size allows."""
    takes = sum(utterance.text == keyword for utterance in utterances)
    if not takes:
        return
    data = DataDir(path, tuple(utterances), {})
    hours = sum(data.duration_s(u) for u in utterances if u.text != keyword) / 3600
    miss_rate = binomial_estimate(0, takes).upper
    line = (
        f"{path}: {keyword!r}: if none of {takes} is missed, its miss rate may still be "
        f"{100 * miss_rate:.3g} %"
    )
    if hours:
        rate = float(f"{poisson_upper(0, hours):.3g}")  # 1280, not 1.28e+03
        line += f"; without a false alarm in {hours:.3g} h, there may still be {rate:g} per hour"
    print(f"{line} (95 % bounds)")


def _print_split(path: Path, utterances: list[Utterance], texts: list[str]) -> None:
    counts = collections.Counter(utterance.text for utterance in utterances)
    listed = ", ".join(f"{count} {text!r}" for text, count in sorted(counts.items()))
    speakers = len({utterance.speaker for utterance in utterances})
    print(f"{path}: {len(utterances)} utterances of {speakers} speakers: {listed or 'none'}")
    for text in texts:
        if text not in counts:
            print(
                f"{path}: warning: no recording of {text!r} fell into it; "
                "add recordings (or speakers)"
            )


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
