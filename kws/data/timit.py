"""How TIMIT names its sentences, in every form in which it lies on disks."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLE_RATE = 16000  # what the sample numbers of .phn and .wrd files count, in Hz
SPEAKER = re.compile(r"[fm][a-z]{3}[0-9]")
_FOLDER = re.compile(rf"(?:dr[1-8][-_])?({SPEAKER.pattern})")
# SX127.WAV, SX127.WAV;1 as some systems copy a CD, SX127.WAV.wav as some people convert it
_FILE = re.compile(r"(s[aix][0-9]+)((?:\.wav)?\.[a-z0-9]+)(?:;[0-9]+)?")


def timit_id(path: Path) -> str | None:
    """`fcjf0-sx127` of TRAIN/DR1/FCJF0/SX127.WAV or dr1-fcjf0/sx127.wav; None of other files."""
    speaker = _FOLDER.fullmatch(path.parent.name.lower())
    sentence = _FILE.fullmatch(path.name.lower())
    return f"{speaker[1]}-{sentence[1]}" if speaker and sentence else None


def timit_suffix(path: Path) -> str:
    """`.wav` of SX127.WAV, SX127.WAV;1 and SX127.WAV.wav: what kind of file it is."""
    return Path(re.sub(r";[0-9]+$", "", path.name)).suffix.lower()
