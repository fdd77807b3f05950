"""Kokoro: its files, its symbols, its speakers, and a corpus that they speak."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from kokoro_stand_in import stand_in

from kws.cli.main import run
from kws.data import keyword_spans, read_data_dir
from kws.data.synthesis import CorpusOptions, kokoro, kokoro_download, synthesize_corpus
from kws.data.synthesis.kokoro import SYMBOLS, Kokoro, find_kokoro, voice_hashes, without_edges
from kws.data.synthesis.kokoro_mouth import KokoroMouth, kokoro_symbols
from kws.data.synthesis.kokoro_speakers import VOICES, draw_kokoro_speakers
from kws.data.synthesis.utterances import speak
from kws.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return stand_in(tmp_path / "kokoro", monkeypatch)


# Symbols and speakers


def test_the_symbols_are_kokoros() -> None:
    assert len(SYMBOLS) == len(set(SYMBOLS.values())) == 114
    assert [SYMBOLS[symbol] for symbol in ";A\u0259\u02c8\u1d7b"] == [1, 24, 83, 156, 177]


@pytest.mark.parametrize(
    ("ipa", "accent", "symbols"),
    [
        ("k\u0259mpj\u02c8u\u02d0\u027e\u025a", "gmw/en-US", "k\u0259mpj\u02c8u\u027e\u0259\u0279"),
        ("k\u0259mpj\u02c8u\u02d0t\u0259", "gmw/en", "k\u0259mpj\u02c8u\u02d0t\u0259"),
        (
            "d\u0292\u02c8\u0251\u02d0\u0279v\u026as",
            "gmw/en-US",
            "\u02a4\u02c8\u0251\u0279v\u026as",
        ),
        ("h\u02c8e\u026a", "gmw/en-US", "h\u02c8A"),
        ("t\u0283\u02c8a\u026an\u0259\u028a!", "gmw/en", "\u02a7\u02c8InQ!"),
        ("b\u02c8\u025c\u02d0d", "gmw/en-US", "b\u02c8\u025c\u0279d"),
        ("t\u032a\u0279\u02c8i\u02d0", "gmw/en", "t\u0279\u02c8i\u02d0"),  # what it does not know
    ],
)
def test_ipa_in_kokoros_symbols(ipa: str, accent: str, symbols: str) -> None:
    assert kokoro_symbols(ipa, accent) == symbols


def test_no_voice_speaks_in_two_sets() -> None:
    everybody = [voice for voices in VOICES.values() for voice in voices]
    assert sorted(everybody) == sorted(voice_hashes())
    assert max(Counter(everybody).values()) == 1
    for name, voices in VOICES.items():
        speakers = draw_kokoro_speakers(name, 80, np.random.default_rng(3))
        assert len({speaker.id for speaker in speakers}) == 80
        assert {voice for speaker in speakers for voice, _ in speaker.voices} == set(voices)
        alone = [speaker for speaker in speakers if len(speaker.voices) == 1]
        assert len(alone) == len(voices)
        assert all(abs(sum(w for _, w in s.voices) - 1) < 1e-9 for s in speakers)
        assert all(s.accent == "gmw/en-US" for s in alone if s.accent and s.voices[0][0][0] == "x")


def test_an_accent_is_of_the_voices_country() -> None:
    speakers = draw_kokoro_speakers("train", 44, np.random.default_rng(0))
    for speaker in speakers:
        country = speaker.voices[0][0][0]
        if country in "ab":
            assert speaker.accent.startswith("gmw/en-US") == (country == "a")


# Files


def test_what_is_there_is_found(folder: Path, tmp_path: Path) -> None:
    files = find_kokoro(folder)
    assert files is not None
    assert files.voices == folder / "voices"
    assert find_kokoro(tmp_path) is None
    (folder / "voices" / "af_sky.bin").unlink()
    assert find_kokoro(folder) is None


@pytest.mark.parametrize("name", ["kokoro-v1.0.int8.onnx", "voices/af_nova.bin"])
def test_damaged_files_are_refused(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[50] ^= 1
    (folder / name).write_bytes(content)
    files = find_kokoro(folder)
    assert files is not None
    with pytest.raises(InputError, match=rf"{name}: damaged, or another version: its SHA-256 is"):
        Kokoro(files)
        kokoro.read_voice(files, "af_nova")
    with pytest.raises(InputError, match="'anna': Kokoro has no such voice; `kws voices` lists"):
        kokoro.read_voice(files, "anna")


def archive(voices: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as packed:
        for name, voice in voices.items():
            entry = tarfile.TarInfo(f"package/voices/{name}.bin")
            entry.size = len(voice)
            packed.addfile(entry, io.BytesIO(voice))
    return content.getvalue()


def test_voices_are_fetched_once_and_checked(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    voices = {name: (folder / "voices" / f"{name}.bin").read_bytes() for name in voice_hashes()}
    file = tmp_path / "voices.tgz"
    file.write_bytes(archive(voices))
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    monkeypatch.setattr(kokoro_download, "ARCHIVE_SHA512", digest)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    command = ["voices", "--fetch", "--archive", str(file)]
    run(command)
    there = tmp_path / "home" / "kws" / "kokoro" / "voices"
    assert {path.stem: path.read_bytes() for path in there.iterdir()} == voices
    assert "54 of 54 voices" in capsys.readouterr().out
    (there / "af_sky.bin").write_bytes(b"half")
    run(command)
    assert (there / "af_sky.bin").read_bytes() == voices["af_sky"]
    file.write_bytes(archive({}))
    run(command)  # all are there: nothing is read
    capsys.readouterr()
    (there / "af_sky.bin").unlink()
    assert run(command) == 2
    assert "is not the archive that is expected" in capsys.readouterr().err


def test_a_network_that_is_not_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kokoro_download, "ARCHIVE_URL", "http://127.0.0.1:9/voices.tgz")
    assert run(["voices", "--fetch", "--kokoro", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("http://127.0.0.1:9/voices.tgz: ")
    assert said.endswith("; get the file in another way and name it with --archive\n")


def test_kws_voices_tells_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["voices", "--kokoro", str(folder)]) == 0
    assert "missing" not in capsys.readouterr().out
    (folder / "voices" / "af_sky.bin").unlink()
    assert run(["voices", "--kokoro", str(folder)]) == 1
    assert "its voices are missing: `kws voices --fetch` takes them" in capsys.readouterr().out


# Speech


def test_silence_at_the_edges_is_cut() -> None:
    samples = np.zeros(24000, np.float32)
    samples[9600:14400] = 0.5
    cut = without_edges(samples)
    assert len(cut) == 4800 + 2 * 1440
    assert np.array_equal(without_edges(np.zeros(100, np.float32)), np.zeros(100))


def mouth_of(folder: Path, clips: Path | None = None, set_name: str = "train") -> KokoroMouth:
    files = find_kokoro(folder)
    assert files is not None
    speaker = draw_kokoro_speakers(set_name, 1, np.random.default_rng(1))[0]
    return KokoroMouth(speaker, files, lambda: Kokoro(files), clips)


def test_a_keyword_in_a_phrase_has_exact_times(folder: Path) -> None:
    spoken = mouth_of(folder).say_with(
        "view glass", "okay view glass, turn on", np.random.default_rng(2)
    )
    assert [word for word, _, _ in spoken.words] == ["okay", "view", "glass", "turn", "on"]
    loud = np.abs(spoken.samples) > 0
    start, end = (round(16000 * t) for t in (spoken.words[1][1], spoken.words[2][2]))
    assert loud[start + 200 : end - 200].mean() > 0.95
    assert spoken.words[0][2] <= spoken.words[1][1]
    assert spoken.words[2][2] <= spoken.words[3][1]
    assert spoken.words[1][2] == spoken.words[2][1]


def test_what_was_said_is_not_said_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def say() -> np.ndarray:
        mouth = mouth_of(folder, tmp_path / "clips")
        return mouth.say("hey jarvis", np.random.default_rng(4)).samples

    first = say()
    assert len(list((tmp_path / "clips").iterdir())) == 1
    monkeypatch.setattr(Kokoro, "say", lambda *_: pytest.fail("it is said again"))
    assert np.array_equal(say(), first)


def test_what_nobody_can_say_is_told(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'hey !': Kokoro cannot say '!'; respell it"):
        mouth_of(folder).say("hey !", np.random.default_rng(0))


def test_a_corpus_with_natural_voices(folder: Path, tmp_path: Path) -> None:
    options = CorpusOptions(("computer", "view glass")).scaled(0.006)
    options = options.with_natural_voices(0.02)
    files = find_kokoro(folder)
    clips = tmp_path / "clips"
    out = tmp_path / "corpus"
    summaries = synthesize_corpus(out, options, kokoro=files, clips=clips)
    for summary in summaries[-3:]:
        natural = options.set_options(summary.name).natural
        assert natural is not None
        assert set(summary.positives.values()) == {natural.positives}
        assert "Apache" in (out / summary.name / "LICENSE.kokoro.txt").read_text()
        data = read_data_dir(out / summary.name)
        for utterance in data.utterances:
            said = keyword_spans(data.words[utterance.id], options.keywords)
            assert (len(said) > 0) == ("-negative-" not in utterance.id)
            if said:  # espeak-ng's voices say none
                assert "-kokoro" in utterance.speaker
        assert any("-kokoro" in u.speaker and "-negative-" in u.id for u in data.utterances)
    count = len(list(clips.iterdir()))
    assert count > 20
    again = synthesize_corpus(tmp_path / "again", options, kokoro=files, clips=clips)
    assert [s.positives for s in again] == [s.positives for s in summaries]
    assert len(list(clips.iterdir())) == count
    for name in ("train", "test"):
        for path in (out / name / "audio").iterdir():
            assert (
                path.read_bytes() == (tmp_path / "again" / name / "audio" / path.name).read_bytes()
            )


def test_espeak_says_keywords_where_nothing_else_is_asked_for() -> None:
    assert CorpusOptions(("computer",)).train.natural is None
    assert speak.__doc__
