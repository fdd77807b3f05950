"""Telling whether a data dir is still the one it was."""

from __future__ import annotations

import hashlib
from pathlib import Path

from kws.audio.entries import sound_of
from kws.data.data_dir import DataDir, Utterance


def hash_of(data: DataDir) -> str:
    """A sha256 (64 hex digits) that tells whether a data dir is the one it was.

    It covers each utterance's id, speaker, transcript, segment and word times, and of each audio
    file its name (without folders) and its size in bytes: not the audio itself, which takes long
    to read, so a file overwritten by another one of the same size goes unnoticed. It does not
    depend on where the data dir lies nor on the order of its lines. Of a command that has to be run
    it covers the command's text.

    Raises:
        InputError: an audio file is not there.
    """
    digest = hashlib.sha256()
    for u in sorted(data.utterances, key=lambda u: u.id):
        part = f"{u.start_s:.6f} {u.end_s}" + ("" if u.channel is None else f" {u.channel}")
        fields = (u.id, u.speaker, u.text, part, *_identity(u))
        words = ((f"{w.start_s:.6f}", f"{w.end_s:.6f}", w.word) for w in data.words.get(u.id, []))
        digest.update(repr((fields, tuple(words))).encode())
    return digest.hexdigest()


def _identity(utterance: Utterance) -> tuple[str, int]:
    sound = sound_of(utterance.recording)
    if sound is None:
        return utterance.recording, 0
    channel = "" if sound.channel is None else f" {sound.channel}"
    try:
        return Path(sound.name).name + channel, Path(sound.path).stat().st_size
    except OSError as error:
        raise utterance.error(f"{sound.path}: {error.strerror}") from None
