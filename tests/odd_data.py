"""The odd data dirs of `make_odd_inputs`: texts of every language and editor, and broken tables."""

from __future__ import annotations

from collections.abc import Iterator

from odd_input import Odd
from odd_sounds import RATE, pcm16, speech_like, wav

REFUSED = 2
Files = dict[str, bytes]
APOSTROPHES = [f"what{mark}s up" for mark in "'\u2019\u02bc\uff07\u2018`\u00b4"]
TEXTS = [  # a keyword, and how texts write it
    ("apostrophes", "what's up", APOSTROPHES),
    ("quotes", "jarvis", ["\u2018jarvis\u2019", "\u201cJarvis\u201d", "\u00abjarvis\u00bb"]),
    ("hyphens", "hey marvin", ["Hey, Marvin!", "hey-marvin", "hey\u2013marvin (sic)."]),
    ("points", "dr. who", ["dr. who", "Dr Who?", "D.R. WHO"]),
    ("full-width", "hey", ["\uff48\uff45\uff59", "\uff28\uff25\uff39"]),
    ("ligatures", "find", ["\ufb01nd", "FIND"]),
    ("combining", "caf\u00e9", ["cafe\u0301", "caf\u00e9", "CAFE\u0301"]),
    ("turkish", "istanbul", ["\u0130stanbul", "istanbul", "i\u0307stanbul"]),
    ("german", "stra\u00dfe", ["Strasse", "STRA\u1e9eE", "STRASSE"]),
    (
        "hindi",
        "\u0928\u092e\u0938\u094d\u0924\u0947",
        ["\u0928\u092e\u0938\u094d\u0924\u0947\u0964"],
    ),
    (
        "han",
        "\u5c0f\u7231\u540c\u5b66",
        ["\u5c0f\u7231\u540c\u5b66\u3002\u4f60\u597d", "\u5c0f \u7231 \u540c \u5b66"],
    ),
    ("kana", "\u306d\u3048", ["\u306d\u3048\u30b8\u30e3\u30fc", "\u300c\u306d\u3048\u300d"]),
    (
        "hangul",
        "\uc548\ub155",
        ["\uc548\ub155 \uc790\ube44\uc2a4", "\u110b\u1161\u11ab\u1102\u1167\u11bc"],
    ),
    (
        "thai",
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
        ["\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e04\u0e23\u0e31\u0e1a"],
    ),
    ("arabic", "\u0645\u0631\u062d\u0628\u0627", ["\u200f\u0645\u0631\u062d\u0628\u0627\u061f"]),
    ("emoji", "jarvis", ["jarvis \U0001f600", "jarvis \U0001f468\u200d\U0001f467"]),
    ("invisible", "jarvis", ["jar\u200bvis", "jar\u00advis", "\u2060jarvis\ufeff"]),
    ("digits", "route 66", ["route 66", "Route \uff16\uff16"]),
    ("blanks", "hey jarvis", ["hey\u00a0jarvis", "hey\u3000jarvis", "hey   jarvis"]),
    ("nothing", "", ["... ?!", "\u3002"]),
]


def data_dir(**tables: str | bytes | None) -> Files:
    """A sound data dir of two speakers with one recording each, but for the tables given."""
    sound = wav(pcm16(speech_like()))
    files: dict[str, str | bytes | None] = {
        "wav.scp": "a-1 a.wav\nb-1 b.wav\n",
        "text": "a-1 hey jarvis\nb-1 good morning\n",
        "utt2spk": "a-1 a\nb-1 b\n",
        "spk2utt": "a a-1\nb b-1\n",
        "a.wav": sound,
        "b.wav": sound,
    }
    files |= {name.replace("_", "."): content for name, content in tables.items()}
    return {
        name: content.encode() if isinstance(content, str) else content
        for name, content in files.items()
        if content is not None
    }


def odd_data_dirs() -> Iterator[tuple[Odd, Files]]:
    """Every odd data dir."""
    yield Odd("data/sound", "a data dir without fault"), data_dir()
    for name, keyword, texts in TEXTS:
        yield Odd(f"data/text-{name}", f"texts with {name}", keyword=keyword), _spoken(texts)
    yield from _editors()
    yield from _tables()
    yield from _recordings()
    yield from _segments()


def _spoken(texts: list[str]) -> Files:
    """A data dir of one speaker who says these, and something else last."""
    names = [f"a-{number}" for number in range(1, len(texts) + 2)]
    said = zip(names, [*texts, "good morning"], strict=True)
    return data_dir(
        wav_scp="".join(f"{name} a.wav\n" for name in names),
        text="".join(f"{name} {text}\n" for name, text in said),
        utt2spk="".join(f"{name} a\n" for name in names),
        spk2utt=f"a {' '.join(names)}\n",
        b_wav=None,
    )


def _editors() -> Iterator[tuple[Odd, Files]]:
    """What editors make of tables."""
    text, scp = "a-1 hey jarvis\nb-1 good morning\n", "a-1 a.wav\nb-1 b.wav\n"
    dos = text.replace("\n", "\r\n")
    accents = "a-1 stra\u00dfe\nb-1 gr\u00f6\u00dfe\n"
    for name, what, says, tables in (
        ("bom", "a byte order mark before the text", "byte order mark", {"text": "\ufeff" + text}),
        ("crlf", "DOS line ends in the text", "carriage return", {"text": dos}),
        (
            "crlf-scp",
            "DOS line ends in wav.scp",
            "carriage return",
            {"wav_scp": scp.replace("\n", "\r\n")},
        ),
        ("utf16", "a text in UTF-16", "UTF-16", {"text": text.encode("utf-16")}),
        ("utf16-no-mark", "UTF-16 unmarked", "UTF-16", {"text": text.encode("utf-16-le")}),
        ("latin1", "a text in Latin-1", "not UTF-8", {"text": accents.encode("latin-1")}),
        ("no-newline", "no line end at the end", "", {"text": text.rstrip("\n")}),
        ("old-mac", "line ends of an old Mac", None, {"text": text.replace("\n", "\r")}),
        ("nul", "a NUL in the text", "0x00", {"text": "a-1 hey\0jarvis\nb-1 x\n"}),
        ("blank-line", "a blank line in the text", None, {"text": text + "\n"}),
        ("tabs", "tabs for blanks", None, {"text": text.replace(" ", "\t")}),
    ):
        status = 0 if says == "" or name in ("tabs",) else REFUSED
        yield Odd(f"data/editor-{name}", what, status, says), data_dir(**tables)


def _tables() -> Iterator[tuple[Odd, Files]]:
    """Tables that are missing, or disagree."""
    for name, what, says, tables in (
        ("no-scp", "no wav.scp", "wav.scp", {"wav_scp": None}),
        ("empty-scp", "an empty wav.scp", "wav.scp", {"wav_scp": ""}),
        ("no-path", "an id without a file", "has no file", {"wav_scp": "a-1\nb-1 b.wav\n"}),
        ("twice", "an id twice", "a-1", {"wav_scp": "a-1 a.wav\na-1 b.wav\nb-1 b.wav\n"}),
        ("text-twice", "a text twice", "a-1", {"text": "a-1 hey\na-1 you\nb-1 x\n"}),
        ("unsorted", "ids out of order", "sort the file", {"wav_scp": "b-1 b.wav\na-1 a.wav\n"}),
        ("strange-text", "a text of no recording", "c-1", {"text": "a-1 x\nb-1 y\nc-1 z\n"}),
        ("lacking-text", "a recording of no text", "b-1", {"text": "a-1 hey jarvis\n"}),
        ("two-speakers", "two speakers for one id", "speaker", {"utt2spk": "a-1 a x\nb-1 b\n"}),
    ):
        yield Odd(f"data/tables-{name}", what, REFUSED, says), data_dir(**tables)
    for name in ("text", "utt2spk"):
        yield (
            Odd(f"data/tables-no-{name}", f"no {name}", says=None),
            data_dir(**{name: None}, spk2utt=None),
        )


def _recordings() -> Iterator[tuple[Odd, Files]]:
    """Recordings that are missing, broken, silent, or come out of a program."""
    silent = wav(bytes(2 * RATE))
    for name, what, says, tables in (
        ("missing", "a recording that is missing", "b.wav", {"b_wav": None}),
        ("empty", "a recording of 0 bytes", "empty", {"b_wav": b""}),
        ("text", "a text named b.wav", "text", {"b_wav": "hello\n"}),
        ("no-samples", "a recording without samples", "no samples", {"b_wav": wav(b"")}),
        ("pipe", "a command in wav.scp", "--allow-commands", {"wav_scp": PIPE}),
        ("silent", "recordings of silence", "silent", {"a_wav": silent, "b_wav": silent}),
        ("folder", "a folder for a recording", "Is a directory", {"wav_scp": "a-1 a.wav\nb-1 .\n"}),
    ):
        yield Odd(f"data/recordings-{name}", what, REFUSED, says), data_dir(**tables)
    yield (
        Odd("data/recordings-rates", "recordings of two rates", says="8000"),
        data_dir(b_wav=wav(pcm16(speech_like(8000)), rate=8000)),
    )
    yield (
        Odd("data/recordings-cut", "a recording cut off", says=None),
        data_dir(b_wav=wav(pcm16(speech_like()))[:20000]),
    )


PIPE = "a-1 a.wav\nb-1 cat b.wav |\n"


def _segments() -> Iterator[tuple[Odd, Files]]:
    """Cuts of recordings that cannot be made."""
    for name, line, status, says in (
        ("whole", "b-1 b 0 0.9", 0, ""),
        ("a-little-beyond", "b-1 b 0.1 1.3", 0, "beyond"),
        ("far-beyond", "b-1 b 0.1 9.5", 0, None),
        ("after-the-end", "b-1 b 5 6", 0, None),
        ("backwards", "b-1 b 0.9 0.1", REFUSED, "is not before end"),
        ("empty", "b-1 b 0.5 0.5", REFUSED, "is not before end"),
        ("negative", "b-1 b -1 0.5", REFUSED, None),
        ("no-number", "b-1 b zero one", REFUSED, "are not times"),
        ("nan", "b-1 b 0 nan", REFUSED, None),
        ("comma", "b-1 b 0,1 0,9", REFUSED, "are not times"),
        ("no-recording", "b-1 c 0 0.9", REFUSED, "is not in wav.scp"),
        ("fields", "b-1 b 0", REFUSED, "fields"),
    ):
        files = data_dir(segments=f"a-1 a 0.1 0.9\n{line}\n", wav_scp="a a.wav\nb b.wav\n")
        yield Odd(f"data/segments-{name}", f"the segment `{line}`", status, says), files
