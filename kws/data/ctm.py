"""Word times: NIST's CTM files and TIMIT's .wrd/.phn files."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kws.data.table_file import raise_first, scan_lines
from kws.files import write_text


@dataclass(frozen=True, order=True)
class Word:
    """A word (or phone) with its times, in seconds from the beginning of its utterance."""

    utterance: str
    start_s: float
    end_s: float
    word: str


def scan_ctm(path: Path, faults: list[str]) -> list[tuple[Word, str]]:
    """The words of a CTM file in the order of the file, each with its place (`DIR/ctm:5`).

    A line is `utterance channel start duration word [confidence]`, times in seconds; lines that
    begin with `;;` are comments. What is wrong goes to `faults`, one line each.
    """
    words = []
    for line, place in scan_lines(path, faults):
        if line.startswith(";;"):
            continue
        fields = line.split()
        if len(fields) not in (5, 6):
            faults.append(
                f"{place}: {len(fields)} fields; a CTM line is "
                "`utterance channel start duration word [confidence]`"
            )
            continue
        utterance, _, start_text, duration_text, word = fields[:5]
        start_s, duration_s = seconds(start_text), seconds(duration_text)
        if start_s is None or start_s < 0:
            faults.append(f"{place}: start {start_text} is not a time; write seconds, 0 or more")
        elif duration_s is None or duration_s < 0:
            faults.append(f"{place}: duration {duration_text} is not one; write seconds, 0 or more")
        else:
            words.append((Word(utterance, start_s, start_s + duration_s, word), place))
    return words


def seconds(text: str) -> float | None:
    """`text` as a finite number, None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def words_by_utterance(words: Iterable[Word]) -> dict[str, list[Word]]:
    """Each utterance's words in the order of their start (equal starts: as given)."""
    by_utterance: dict[str, list[Word]] = {}
    for word in words:
        by_utterance.setdefault(word.utterance, []).append(word)
    for of_utterance in by_utterance.values():
        of_utterance.sort(key=lambda word: word.start_s)
    return by_utterance


def read_ctm(path: str | Path) -> dict[str, list[Word]]:
    """The words of a CTM file by utterance, in the order of their start.

    Raises:
        InputError: the file cannot be read or a line is not CTM.
    """
    faults: list[str] = []
    words = scan_ctm(Path(path), faults)
    raise_first(faults)
    return words_by_utterance(word for word, _ in words)


def write_ctm(path: str | Path, words: Iterable[Word]) -> None:
    """Write `words` as CTM (channel 1, microseconds), by utterance and start.

    A keyword of several words ("view glass") becomes one line per word, each with its whole span:
    a CTM word cannot hold a blank, and `keyword_spans` finds the same span again.
    """
    ordered = sorted(words, key=lambda word: (word.utterance, word.start_s))
    lines = (
        f"{w.utterance} 1 {w.start_s:.6f} {w.end_s - w.start_s:.6f} {token}\n"
        for w in ordered
        for token in w.word.split()
    )
    write_text(path, "".join(lines))


def read_wrd_phn(
    path: str | Path, sample_rate: int = 16000, *, utterance: str | None = None
) -> list[Word]:
    """The words or phones of a TIMIT .wrd or .phn file (`first_sample end_sample label`).

    Lines may end as DOS ends them: copies of the corpus do.

    Args:
        path: the file.
        sample_rate: Hz, of the recording that the sample numbers count.
        utterance: the id the words get; the file's name without its suffix when not given.

    Raises:
        InputError: the file cannot be read or a line has another form.
    """
    path = Path(path)
    faults: list[str] = []
    words = []
    for line, place in scan_lines(path, faults):
        start, end, label = [*line.split(maxsplit=2), "", "", ""][:3]
        if not (start.isdecimal() and end.isdecimal() and len(start + end) <= 30 and label):
            faults.append(f"{place}: {line!r} is not of the form `first_sample end_sample label`")
        elif int(start) > int(end):
            faults.append(f"{place}: the end {end} lies before the start {start}")
        else:
            start_s, end_s = int(start) / sample_rate, int(end) / sample_rate
            words.append(Word(utterance or path.stem, start_s, end_s, label))
    raise_first(faults)
    return words
