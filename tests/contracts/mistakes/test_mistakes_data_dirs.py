"""Mistakes in data dirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes_world import TRAIN, Case, World

COMBINE = "data combine out data"
WAV = "a-1 a-1.wav\na-2 a-2.wav\nb-1 b-1.wav\nb-2 b-2.wav\n"
TEXT = "a-1 jarvis\na-2 computer\nb-1 hello there\nb-2 good morning\n"

CASES = [
    Case(
        "no such directory",
        "features daat out",
        "daat: no such directory; name a data dir (one that holds wav.scp)",
    ),
    Case(
        "a file for a directory",
        "data combine out sound.wav",
        "sound.wav: no such directory; name a data dir (one that holds wav.scp)",
    ),
    Case(
        "no wav.scp",
        COMBINE,
        "data/wav.scp: No such file or directory (and 10 more; `kws data validate "
        "data` lists them)",
        prepare=lambda f: (f / "data/wav.scp").unlink(),
    ),
    Case(
        "an empty wav.scp",
        COMBINE,
        "data/wav.scp: the file is empty; remove it or write its lines (and 10 "
        "more; `kws data validate data` lists them)",
        {"data/wav.scp": ""},
    ),
    Case(
        "an utterance twice",
        COMBINE,
        "data/wav.scp:5: b-2 stands on line 4 already; keep one",
        {"data/wav.scp": WAV + "b-2 b-1.wav\n"},
    ),
    Case(
        "no file behind an id",
        COMBINE,
        "data/wav.scp:3: b-1 has no file; write `b-1 PATH`",
        {"data/wav.scp": WAV.replace("b-1 b-1.wav", "b-1")},
    ),
    Case(
        "not UTF-8",
        COMBINE,
        "data/text:3: byte 0xe9 is not UTF-8; convert the file to UTF-8 (and 1 "
        "more; `kws data validate data` lists them)",
        {"data/text": TEXT.encode().replace(b"there", b"ther\xe9")},
    ),
    Case(
        "a blank line",
        COMBINE,
        "data/text:3: the line is blank; remove it",
        {"data/text": TEXT.replace("b-1", "\nb-1")},
    ),
    Case(
        "a text of no utterance",
        COMBINE,
        "data/text:5: c-1 is not an utterance of data",
        {"data/text": TEXT + "c-1 hello\n"},
    ),
    Case(
        "an utterance without text",
        COMBINE,
        "data/wav.scp:4: b-2 has no line in text; add one",
        {"data/text": TEXT.replace("b-2 good morning\n", "")},
    ),
    Case(
        "two speakers of an utterance",
        COMBINE,
        "data/utt2spk:2: 'a c' is not a speaker; write one word",
        {"data/utt2spk": "a-1 a\na-2 a c\nb-1 b\nb-2 b\n"},
    ),
    Case(
        "unsorted",
        "data validate data",
        "data/text:2: a-1 comes after b-1; sort the file (LC_ALL=C sort)",
        {"data/text": "".join(sorted(TEXT.splitlines(True), key=lambda x: "b-1" not in x))},
    ),
    Case(
        "audio that is missing",
        "features data out",
        "data/wav.scp:3: data/b-1.wav: No such file or directory",
        prepare=lambda f: (f / "data/b-1.wav").unlink(),
    ),
    Case(
        "audio that is missing, validated",
        "data validate data",
        "data/wav.scp:3: data/b-1.wav: No such file or directory",
        prepare=lambda f: (f / "data/b-1.wav").unlink(),
    ),
    Case(
        "audio that is missing in training",
        TRAIN,
        "data/wav.scp:3: data/b-1.wav: No such file or directory",
        prepare=lambda f: (f / "data/b-1.wav").unlink(),
    ),
    Case(
        "a command without leave",
        "features data out",
        "data/wav.scp:3: `touch made; cat b-1.wav |` is a command; it runs only "
        "with --allow-commands",
        {"data/wav.scp": WAV.replace("b-1.wav", "touch made; cat b-1.wav |")},
    ),
    Case(
        "a command that fails",
        "features --allow-commands data out",
        "data/wav.scp:3: `echo no tape >&2; exit 3` failed with exit status 3: no tape",
        {"data/wav.scp": WAV.replace("b-1.wav", "echo no tape >&2; exit 3 |")},
    ),
    Case(
        "a command that says nothing",
        "features --allow-commands data out",
        "data/wav.scp:3: true |: is empty (0 bytes); record or convert it again",
        {"data/wav.scp": WAV.replace("b-1.wav", "true |")},
    ),
    Case(
        "a segment that ends before it starts",
        COMBINE,
        "data/segments:2: start 0.5 is not before end 0.2 (and 3 more; `kws data "
        "validate data` lists them)",
        {"data/segments": "a-1 a-1 0 0.5\na-2 a-2 0.5 0.2\nb-1 b-1 0 0.5\nb-2 b-2 0 0.5\n"},
    ),
    Case(
        "a segment of no recording",
        COMBINE,
        "data/segments:2: recording c-2 is not in wav.scp (and 3 more; `kws data "
        "validate data` lists them)",
        {"data/segments": "a-1 a-1 0 0.5\na-2 c-2 0 0.2\nb-1 b-1 0 0.5\nb-2 b-2 0 0.5\n"},
    ),
    Case(
        "a segment with a word for a time",
        COMBINE,
        "data/segments:2: zero 0.2 are not times; write seconds (and 3 more; `kws "
        "data validate data` lists them)",
        {"data/segments": "a-1 a-1 0 0.5\na-2 a-2 zero 0.2\nb-1 b-1 0 0.5\nb-2 b-2 0 0.5\n"},
    ),
    Case(
        "all segments beyond the recording",
        "features data out",
        "data/segments: no segment lies in its recording; times must be seconds from the "
        "recording's beginning",
        {"data/segments": "a-1 a-1 60 65\na-2 a-2 70 90\nb-1 b-1 60 80\nb-2 b-2 0 50\n"},
        notices=(
            "data/segments:1: a-1: a segment that begins after the end of its recording, left out "
            "(further files like it are not named)",
            "data/segments:4: b-2: a segment that ends 0.5 s or more beyond its recording, left "
            "out (--max-overshoot) (further files like it are not named)",
        ),
    ),
    Case(
        "a segment of a channel that is none",
        COMBINE,
        "data/segments:1: left is not a channel; the first is 0, then 1 ... (and 3 more; `kws "
        "data validate data` lists them)",
        {"data/segments": "a-1 a-1 0 0.5 left\na-2 a-2 0 0.2\nb-1 b-1 0 0.5\nb-2 b-2 0 0.5\n"},
    ),
    Case(
        "a CTM line that is short",
        COMBINE,
        "data/ctm:1: 4 fields; a CTM line is `utterance channel start duration word [confidence]`",
        {"data/ctm": "a-1 1 0.25 jarvis\n"},
    ),
    Case(
        "a CTM line of no utterance",
        COMBINE,
        "data/ctm:1: c-1 is not an utterance of data",
        {"data/ctm": "c-1 1 0.25 0.25 jarvis\n"},
    ),
    Case(
        "a CTM line with a negative duration",
        "align --keywords jarvis --ali bad.ctm data out.ctm",
        "bad.ctm:1: duration -0.25 is not one; write seconds, 0 or more",
        {"bad.ctm": "a-1 1 0.25 -0.25 jarvis\n"},
    ),
    Case(
        "a CTM word beyond the recording",
        "data validate data",
        "data/ctm:2: computer ends at 0.75 s, but a-2 is 0.6 s long",
        {"data/ctm": "a-1 1 0.25 0.25 jarvis\na-2 1 0.5 0.25 computer\n"},
    ),
    Case(
        "a CTM word beyond the recording in training",
        TRAIN,
        "data/wav.scp:2: computer begins at 7.5 s, but a-2 is 0.6 s long; word "
        "times count from the beginning of the utterance",
        {"data/ctm": "a-1 1 0.25 0.25 jarvis\na-2 1 7.5 0.25 computer\n"},
    ),
    Case(
        "a list that names no utterance",
        "data subset --utt-list list data out",
        "list:2: c-1 is not an utterance of data; remove it from the list",
        {"list": "a-1\nc-1\n"},
    ),
    Case(
        "two dirs with an id in common",
        "data combine out data other",
        "other/wav.scp:1: a-1 has another recording (other/../data/b-1.wav, not "
        "data/a-1.wav) than at data/wav.scp:1; rename one of the two",
        {"other/wav.scp": "a-1 ../data/b-1.wav\n"},
    ),
    Case(
        "a data dir onto itself",
        "data combine data data",
        "data: is read from as well; write to another directory",
    ),
    Case(
        "align: a keyword nobody says",
        "align --keywords marvin data out.ctm",
        "data: no utterance's text holds a keyword (marvin)",
    ),
    Case(
        "align: an empty keyword",
        "align --keywords jarvis, data out.ctm",
        "keywords ['jarvis', '']: give one or more, none of them empty",
    ),
    Case(
        "join: nothing fits",
        "data join --max-duration 0.1 data out",
        "a joined recording of at most 0.1 s has no room for an utterance of 0.6 s "
        "and its gaps; allow more seconds",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_data_dir(case: Case, world: World) -> None:
    world.check(case)
    assert not Path("made").exists()
