"""Audio that is broken, and audio that only looks unusual."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile
from mistakes_world import Case, World


def sound(
    rate: int = 16000,
    subtype: str = "PCM_16",
    file_format: str = "WAV",
    channels: int = 1,
    duration_s: float = 0.6,
    special: float = 0.0,
) -> bytes:
    """A sound file of a tone; `special` is added to one of its samples."""
    times = np.arange(round(duration_s * rate)) / rate
    samples = np.repeat(0.1 * np.sin(2 * np.pi * 300 * times)[:, None], channels, axis=1)
    samples[5:6] += special
    content = io.BytesIO()
    soundfile.write(content, samples, rate, subtype, format=file_format)
    return content.getvalue()


def wrong(name: str, content: bytes, line: str) -> Case:
    return Case(name, "detect final.kws bad.wav", line, {"bad.wav": content})


def right(name: str, content: bytes, *notices: str) -> Case:
    return Case(
        name, "detect final.kws good.wav", "", {"good.wav": content}, notices=notices, status=0
    )


GOOD = sound()
UNREADABLE = "bad.wav: is no sound file that libsndfile reads (...); convert it to wav or FLAC"
WRONG = [
    wrong("an empty file", b"", "bad.wav: is empty (0 bytes); record or convert it again"),
    wrong(
        "a header that announces samples and nothing behind it",
        GOOD[:44],
        "bad.wav: holds no samples; record or convert it again",
    ),
    wrong(
        "a header that announces nothing",
        GOOD[:40] + b"\0\0\0\0",
        "bad.wav: holds no samples; record or convert it again",
    ),
    wrong(
        "half a header",
        GOOD[:20],
        UNREADABLE,
    ),
    wrong(
        "text that begins like a wav",
        b"RIFF is what a wav begins with\n",
        "bad.wav: is text ('RIFF is what a wav begins with' ...), not a sound "
        "file; give a wav, FLAC, Opus, MP3 or SPHERE",
    ),
    wrong(
        "a text file called .wav",
        b"jarvis, computer\n",
        "bad.wav: is text ('jarvis, computer' ...), not a sound file; give a wav, "
        "FLAC, Opus, MP3 or SPHERE",
    ),
    wrong(
        "bytes of no format",
        bytes(range(256)) * 4,
        UNREADABLE,
    ),
    wrong(
        "NaN",
        sound(subtype="FLOAT", special=np.nan),
        "bad.wav: holds samples that are not finite (NaN or infinite); write it "
        "again from its source",
    ),
    wrong(
        "an infinite sample",
        sound(subtype="FLOAT", special=np.inf),
        "bad.wav: holds samples that are not finite (NaN or infinite); write it "
        "again from its source",
    ),
    wrong(
        "FLAC cut short",
        sound(file_format="FLAC")[:1500],
        "bad.wav: is damaged (...); get or convert it again",
    ),
    wrong(
        "Vorbis cut short",
        sound(file_format="OGG", subtype="VORBIS")[:2000],
        UNREADABLE,
    ),
    wrong(
        "no samples", sound(duration_s=0), "bad.wav: holds no samples; record or convert it again"
    ),
    wrong(
        "no channels",
        GOOD[:22] + b"\0\0" + GOOD[24:],
        UNREADABLE,
    ),
    wrong(
        "a sample rate of 0",
        GOOD[:24] + b"\0\0\0\0" + GOOD[28:],
        UNREADABLE,
    ),
    Case("a missing file", "detect final.kws no.wav", "no.wav: No such file or directory"),
    Case("a directory in place of a file", "detect final.kws data", "data: Is a directory"),
    Case(
        "a link to itself",
        "detect final.kws bad.wav",
        "bad.wav: Too many levels of symbolic links",
        prepare=lambda f: (f / "bad.wav").symlink_to("bad.wav"),
    ),
    Case(
        "a name that is too long",
        f"detect final.kws {300 * 'a'}",
        f"{300 * 'a'}: File name too long",
    ),
    Case(
        "an empty file in a data dir",
        "features data out",
        "data/wav.scp:3: data/b-1.wav: is empty (0 bytes); record or convert it again",
        {"data/b-1.wav": b""},
    ),
    Case(
        "an empty file among good ones",
        "posteriors final.kws data ark:new.ark",
        "data: 1 utterance(s) cannot be read, b-1 first; the others are in ark:new.ark",
        {"data/b-1.wav": b""},
        notices=(
            "data/wav.scp:3: data/b-1.wav: is empty (0 bytes); record or convert it "
            "again; left out",
        ),
        made=("new.ark",),
    ),
    Case(
        "text in a table of waveforms",
        "features --config feats.conf scp:wav.scp ark:out.ark",
        "wav.scp:2: b-1: bad.wav: is text ('no sound' ...), not a sound file; give "
        "a wav, FLAC, Opus, MP3 or SPHERE",
        {"wav.scp": "a-1 data/a-1.wav\nb-1 bad.wav\n", "bad.wav": "no sound"},
    ),
    Case(
        "no samples in evaluation",
        "evaluate --model final.kws --test data --out out",
        "data/wav.scp:3: data/b-1.wav: holds no samples; record or convert it again",
        {"data/b-1.wav": GOOD[:44]},
    ),
    Case(
        "noise that is silent",
        "evaluate --model final.kws --test data --noise noise --out out",
        "noise: there is no recording that is not zero throughout; add one",
        {"noise/wav.scp": "n n.wav\n", "noise/n.wav": bytes(GOOD[:44]) + bytes(len(GOOD) - 44)},
    ),
]
RIGHT = [
    right("16 bits", GOOD),
    right("8 bits", sound(subtype="PCM_U8")),
    right("24 bits", sound(subtype="PCM_24")),
    right("mu-law", sound(subtype="ULAW")),
    right("float", sound(subtype="FLOAT")),
    right("double", sound(subtype="DOUBLE")),
    right(
        "float beyond full scale",
        sound(subtype="FLOAT", special=3),
        "good.wav: samples beyond full scale, taken as they are...",
    ),
    right("stereo", sound(channels=2), "good.wav: 2 channels, channel 0 is used..."),
    right("44.1 kHz", sound(rate=44100), "good.wav: 44100 Hz converted to 16000 Hz..."),
    right("8 kHz", sound(rate=8000), "good.wav: 8000 Hz converted to 16000 Hz..."),
    right(
        "cut short", GOOD[:8000], "good.wav: ends before its header says, what is there is used..."
    ),
    right(
        "cut within a sample",
        GOOD[:8001],
        "good.wav: ends before its header says, what is there is used...",
    ),
    right(
        "of a pipe, the size unknown", GOOD[:4] + b"\xff" * 4 + GOOD[8:40] + b"\xff" * 4 + GOOD[44:]
    ),
    right("of a pipe, the size 0", GOOD[:40] + b"\0" * 4 + GOOD[44:]),
    right("one sample", sound(duration_s=1 / 16000)),
    right("FLAC", sound(file_format="FLAC")),
    right("SPHERE", sound(file_format="NIST")),
    right("Opus", sound(file_format="OGG", subtype="OPUS")),
    right("MP3", sound(file_format="MP3", subtype="MPEG_LAYER_III")),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_audio_that_cannot_be_used(case: Case, world: World) -> None:
    world.check(case)


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_audio_that_must_work(case: Case, world: World) -> None:
    rows = [json.loads(line) for line in world.check(case).splitlines()]
    # the model knows nothing, but it hears the tone begin
    expected = [] if case.name == "one sample" else [("good.wav", "jarvis", 0.0125)]
    assert [(row["file"], row["keyword"], row["start_s"]) for row in rows] == expected
