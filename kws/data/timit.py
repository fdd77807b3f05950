"""How TIMIT names its sentences."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLE_RATE = 16000  # what the sample numbers of .phn and .wrd files count, in Hz
SPEAKER = re.compile(r"[fm][a-z]{3}[0-9]")
_FOLDER = re.compile(rf"(?:dr[1-8][-_])?({SPEAKER.pattern})")
_SENTENCE = re.compile(r"(s[aix][0-9]+)(?:\.wav)?")


def timit_id(path: Path) -> str | None:
    """`fcjf0-sx127` of TRAIN/DR1/FCJF0/SX127.WAV or dr1-fcjf0/sx127.wav; None of other files."""
    speaker = _FOLDER.fullmatch(path.parent.name.lower())
    sentence = _SENTENCE.fullmatch(path.stem.lower())
    return f"{speaker[1]}-{sentence[1]}" if speaker and sentence else None
