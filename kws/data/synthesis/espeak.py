"""The espeak-ng synthesiser: speech with the exact times of its words.

espeak-ng reports an event per word and per phoneme. The word event marks where the sound before
it ends: at the beginning of a stop's closure, some 40 ms before anything of the word is heard. A
word therefore begins at its first phoneme event and ends at the next word event or pause. A
variant that does not exist counts as a success for espeak_SetVoiceByName; asking which voice is
in use afterwards tells.

The library's state is the process's: what was said before changes flutter and breath of what is
said now. A process that must give the same samples again starts fresh (see `jobs`).
"""

from __future__ import annotations

import ctypes
import itertools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.data.synthesis.espeak_library import (
    CALLBACK,
    EVENT_CLAUSE_END,
    EVENT_END_OF_LIST,
    EVENT_PHONEME,
    EVENT_WORD,
    IPA,
    PHONEMES_IN_BRACKETS,
    PITCH,
    PITCH_RANGE,
    RATE,
    UTF8,
    VOLUME,
    WORD_GAP,
    CVoice,
    library,
)
from kws.errors import InputError

QUIET_ENOUGH = 40  # espeakVOLUME: at 100 a dozen variants clip, at 40 none does

UNSPELLED = "<unk>"  # the transcript of a word given by its phonemes
Phonemes = tuple[str, ...]


@dataclass(frozen=True)
class SpokenWord:
    """A word of synthesised speech and its first and last sample."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Speech:
    """What the synthesiser said."""

    samples: npt.NDArray[np.int16]  # (S,)
    sample_rate: int
    words: tuple[SpokenWord, ...]


@dataclass(frozen=True)
class Event:
    """An event of the synthesiser: a word's beginning (its place in the text) or a phoneme."""

    type: int
    text_position: int
    sample: int
    phoneme: str


@dataclass(frozen=True)
class Manner:
    """How a voice speaks, in espeak-ng's own units."""

    rate: int = 175
    """words per minute, 80 to 450"""
    pitch: int = 50
    """0 to 99"""
    pitch_range: int = 50
    """0 (monotone) to 99"""
    word_gap: int = 0
    """pause between words, in units of 10 ms"""


class Synthesiser:
    """The process's synthesiser. There is one state behind all objects of this class."""

    def __init__(self) -> None:
        self._library, self.sample_rate = library()
        self._audio: list[npt.NDArray[np.int16]] = []
        self.events: list[Event] = []
        self._callback = CALLBACK(self._receive)

    def voices(self) -> frozenset[str]:
        """The voices there are, by identifier (`gmw/en-US`)."""
        return frozenset(self._list(None))

    def variants(self) -> frozenset[str]:
        """The voice variants there are (`f3`)."""
        return frozenset(identifier.removeprefix("!v/") for identifier in self._list(b"variant"))

    def choose(self, voice: str, manner: Manner | None = None) -> None:
        """Speak with a voice (`gmw/en-US`, `gmw/en-US+f3`) from now on.

        Raises:
            InputError: there is no such voice or no such variant.
        """
        manner = manner or Manner()
        self._library.espeak_SetVoiceByName(voice.encode())
        current = self._library.espeak_GetCurrentVoice()
        if not current or current.contents.identifier.decode() != voice:
            raise InputError(f"espeak-ng: there is no voice {voice!r}; `espeak-ng --voices` lists")
        for parameter, value in (
            (RATE, manner.rate),
            (VOLUME, QUIET_ENOUGH),
            (PITCH, manner.pitch),
            (PITCH_RANGE, manner.pitch_range),
            (WORD_GAP, manner.word_gap),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)

    def phonemes(self, text: str) -> Phonemes:
        """The phonemes of `text` as the chosen voice says it, stress marks before the vowels."""
        joined = self._phonemes(text, ord("_") << 8)
        return tuple(phoneme for phoneme in re.split(r"[_ |]+", joined) if phoneme.strip("',%=;?"))

    def ipa(self, text: str) -> str:
        """The same in the International Phonetic Alphabet."""
        return self._phonemes(text, IPA)

    def _phonemes(self, text: str, mode: int) -> str:
        """Clause by clause; `mode` is that of espeak_TextToPhonemes."""
        pointer = ctypes.c_char_p(text.encode())
        clauses = []
        while pointer.value:
            clauses.append(self._library.espeak_TextToPhonemes(ctypes.byref(pointer), UTF8, mode))
        return " ".join(clause.decode() for clause in clauses if clause)

    def say(self, text: str) -> Speech:
        """Say `text`; a word written `[[k|@|m|'A:]]` is given by its phonemes.

        Returns:
            the samples, and the words of `text` (split at blanks, without punctuation) that were
            heard, in order.
        """
        self._run(text)
        samples = np.concatenate(self._audio) if self._audio else np.zeros(0, np.int16)
        tokens = [(match.start(), match.group()) for match in re.finditer(r"\S+", text)]
        spans = _word_spans(self.events, [start for start, _ in tokens])
        words = []
        for first, last, phonemes, end in spans:
            inside = [token for _, token in tokens[first : last + 1]]
            starts = self._shares(inside, phonemes)
            for token, start, stop in zip(inside, starts, [*starts[1:], end], strict=True):
                words.append(SpokenWord(label(token), start, stop))
        return Speech(samples, self.sample_rate, tuple(words))

    def pronounceable(self, candidates: Sequence[str]) -> frozenset[str]:
        """Those of `candidates` (phonemes) that the chosen voice's language has.

        espeak-ng drops a word from an unknown phoneme on. A known one makes one phoneme event (the
        name may change: that is the language's way to say it); it is tried in `taXa`, where
        nothing is linked or devoiced, a vowel in `tXt`.
        """
        frames = [("t|", "|t") if is_vowel(c) else ("t|a|", "|a") for c in candidates]
        tests = [f"[[{a}{c}{b}]]" for c, (a, b) in zip(candidates, frames, strict=True)]
        starts = list(itertools.accumulate((len(test) + 1 for test in tests[:-1]), initial=0))
        self._run(" ".join(tests))
        counts = [0] * len(tests)
        current = 0
        for event in self.events:
            if event.type == EVENT_WORD:
                current = bisect_right(starts, event.text_position - 1) - 1
            elif event.type == EVENT_PHONEME and not event.phoneme.startswith("_"):
                counts[current] += 1
        return frozenset(
            c for c, count in zip(candidates, counts, strict=True) if count == 3 + (not is_vowel(c))
        )

    def _shares(self, tokens: list[str], phonemes: list[int]) -> list[int]:
        """First samples of `tokens` that espeak-ng joined into one word ("of the")."""
        if len(tokens) == 1:
            return [phonemes[0]]
        counts = [max(1, len(self.phonemes(token))) for token in tokens]
        before = np.cumsum([0, *counts[:-1]]) * len(phonemes) / sum(counts)
        return [phonemes[round(float(index))] for index in before]

    def _run(self, text: str) -> None:
        self._audio, self.events = [], []
        self._library.espeak_SetSynthCallback(self._callback)
        encoded = text.encode()
        flags = UTF8 | PHONEMES_IN_BRACKETS
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, flags, None, None)

    def _receive(self, samples: Any, num_samples: int, events: Any) -> int:
        if samples and num_samples > 0:
            self._audio.append(np.ctypeslib.as_array(samples, (num_samples,)).copy())
        for event in events:  # a C array: ends at its terminator
            if event.type == EVENT_END_OF_LIST:
                break
            name = ""
            if event.type == EVENT_PHONEME:
                # all eight bytes may be used: then there is no closing zero
                name = bytes(event.id).partition(b"\0")[0].decode("utf-8", "replace")
            self.events.append(Event(event.type, event.text_position, event.sample, name))
        return 0

    def _list(self, language: bytes | None) -> list[str]:
        wanted = ctypes.byref(CVoice(languages=language)) if language else None
        found = self._library.espeak_ListVoices(wanted)
        identifiers = []
        for entry in found:  # ends at a null pointer
            if not entry:
                break
            identifiers.append(entry.contents.identifier.decode())
        return identifiers


def is_vowel(phoneme: str) -> bool:
    """Whether a phoneme (stress mark or not) is a vowel, in espeak-ng's notation."""
    return phoneme.lstrip("',%=")[:1] in set("aeiouAEIOUVWY03@&")


def label(token: str) -> str:
    """A token's transcript: without punctuation; `<unk>` for one given by its phonemes."""
    return UNSPELLED if token.startswith("[[") else token.strip(",.?!;:").lower()


def _word_spans(
    events: Sequence[Event], token_starts: Sequence[int]
) -> list[tuple[int, int, list[int], int]]:
    """Words as espeak-ng heard them: (first token, last token, phonemes' samples, end sample)."""
    spans: list[tuple[int, list[int], int]] = []
    # the first word's event is missing now and then (`human toy`): what comes before any is its
    token, phonemes, end = 0, list[int](), -1
    for event in events:
        is_pause = event.type == EVENT_PHONEME and event.phoneme.startswith("_")
        if event.type == EVENT_PHONEME and not is_pause:
            phonemes.append(event.sample)
            end = -1
        elif (event.type in (EVENT_WORD, EVENT_CLAUSE_END) or is_pause) and end < 0:
            end = event.sample
        if event.type == EVENT_WORD:
            begun = bisect_right(token_starts, event.text_position - 1) - 1
            if begun != token:
                if phonemes:
                    spans.append((token, phonemes, end))
                token, phonemes, end = begun, [], -1
    if phonemes:
        spans.append((token, phonemes, max(end, phonemes[-1])))
    next_tokens = [span[0] for span in spans[1:]] + [len(token_starts)]
    return [
        (token, following - 1, phonemes, end)
        for (token, phonemes, end), following in zip(spans, next_tokens, strict=True)
    ]
