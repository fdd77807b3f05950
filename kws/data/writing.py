"""Writing data dirs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kws.data.ctm import Word, write_ctm
from kws.data.data_dir import DataDir, Utterance
from kws.errors import InputError
from kws.files import write_text


def refuse_to_overwrite(out: str | Path, sources: Iterable[DataDir]) -> None:
    """Raise InputError when `out` is one of the data dirs that it is made of."""
    for source in sources:
        if Path(out).resolve() == source.path.resolve():
            raise InputError(f"{out}: is read from as well; write to another directory")


def write_data_dir(
    path: str | Path, utterances: Iterable[Utterance], *, ctm: Iterable[Word] | None = None
) -> None:
    """Write a data dir's tables, sorted as Kaldi wants them (by bytes); audio is not touched.

    Audio inside `path` is named relative to it, other audio by its absolute path. `segments` is
    written when an utterance is a part of its recording. Tables of an earlier writing that are
    not needed now are removed.

    Args:
        path: the directory, made when absent.
        utterances: their paths are as seen from the working directory.
        ctm: word times; without any no file `ctm` is written.

    Raises:
        InputError: two utterances of the same id, two recordings of the same key, no utterances, or
            a name that a table cannot hold.
    """
    path = Path(path)
    by_id: dict[str, Utterance] = {}
    recordings: dict[str, str] = {}
    for utterance in utterances:
        recording_id = utterance.recording_id or utterance.id
        entry = _entry(path, utterance)
        if utterance.id in by_id:
            raise InputError(f"{path}: utterance {utterance.id} comes twice; ids must differ")
        if recordings.setdefault(recording_id, entry) != entry:
            raise InputError(
                f"{path}: recording {recording_id} is both {recordings[recording_id]} and {entry}"
            )
        by_id[utterance.id] = utterance
    if not by_id:
        raise InputError(f"{path}: there is no utterance to write")
    words = list(ctm or ())
    ordered = [by_id[key] for key in sorted(by_id)]
    speakers: dict[str, list[str]] = {}
    for utterance in ordered:
        speakers.setdefault(utterance.speaker, []).append(utterance.id)
    _write_rows(path / "text", ((u.id, u.text) for u in ordered))
    _write_rows(path / "utt2spk", ((u.id, u.speaker) for u in ordered))
    _write_rows(path / "spk2utt", ((s, " ".join(speakers[s])) for s in sorted(speakers)))
    if any(map(_is_segment, ordered)):
        _write_rows(path / "segments", ((u.id, _segment(u)) for u in ordered))
    else:
        (path / "segments").unlink(missing_ok=True)
    if words:
        write_ctm(path / "ctm", words)
    else:
        (path / "ctm").unlink(missing_ok=True)
    _write_rows(path / "wav.scp", sorted(recordings.items()))


def _write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    lines = []
    for key, value in rows:
        if not key or key.split() != [key] or "\n" in value:
            raise InputError(f"{path}: {key!r} {value!r} does not fit into a line `KEY VALUE`")
        lines.append(f"{key} {value}".rstrip() + "\n")
    write_text(path, "".join(lines))


def _entry(data_dir: Path, utterance: Utterance) -> str:
    if utterance.is_command:
        return utterance.recording
    absolute = Path(utterance.recording).absolute()
    root = data_dir.absolute()
    return str(absolute.relative_to(root) if absolute.is_relative_to(root) else absolute)


def _is_segment(utterance: Utterance) -> bool:
    """Whether it is a part of its recording, or is called otherwise."""
    is_part = utterance.start_s or utterance.end_s is not None or utterance.channel is not None
    return bool(is_part) or utterance.recording_id not in ("", utterance.id)


def _segment(utterance: Utterance) -> str:
    channel = "" if utterance.channel is None else f" {utterance.channel}"
    end = "-1" if utterance.end_s is None else f"{utterance.end_s:.6f}"
    return f"{utterance.recording_id or utterance.id} {utterance.start_s:.6f} {end}{channel}"
