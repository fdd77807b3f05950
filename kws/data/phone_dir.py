"""Data dirs of phone transcripts: `text` holds phones, `ctm` their times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from kws.data.corpus import TABLES
from kws.data.ctm import Word, write_ctm
from kws.data.data_dir import Utterance
from kws.data.writing import write_data_dir
from kws.files import write_text

GENDERS = "spk2gender"
LABELS = "phones.ctm"
PHONE_TABLES = (*TABLES, GENDERS, LABELS)


def write_phone_dir(
    path: Path,
    utterances: Iterable[Utterance],
    *,
    phones: Iterable[Word] = (),
    labels: Iterable[Word] = (),
    genders: Mapping[str, str] | None = None,
) -> None:
    """Write a data dir of phone transcripts; an empty one is removed if it was written before.

    Args:
        path: the directory.
        utterances: their text is phones.
        phones: the same phones with their times, for `ctm`.
        labels: the corpus's own labels, not folded, for `phones.ctm`.
        genders: `f` or `m` by speaker, for `spk2gender`.

    Raises:
        InputError: as `write_data_dir`.
    """
    of_dir, of_labels = list(utterances), list(labels)
    for table, is_needed in ((LABELS, of_labels), (GENDERS, genders)):
        if not is_needed:
            (path / table).unlink(missing_ok=True)
    if not of_dir:
        for table in PHONE_TABLES:
            (path / table).unlink(missing_ok=True)
        return
    write_data_dir(path, of_dir, ctm=phones)
    if of_labels:
        write_ctm(path / LABELS, of_labels)
    if genders:
        rows = sorted({(u.speaker, genders[u.speaker]) for u in of_dir if u.speaker in genders})
        write_text(path / GENDERS, "".join(f"{speaker} {gender}\n" for speaker, gender in rows))
