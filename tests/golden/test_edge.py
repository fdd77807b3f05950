"""Odd wavs through `kws features`, judged as the real Kaldi judges them (see edge/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kws.audio import NOTICES, read_audio
from kws.cli.main import run
from kws.kaldi import read_matrices

EDGE = Path(__file__).parent / "edge"
Compared = Callable[..., None]
# docs/kaldi.md names them with the reason: any format is read, another rate is converted
KINDER = {"pcm8", "pcm24", "float32", "ulaw", "rate8k"}
# what Kaldi warns of, and ours
WARNINGS = {
    "stereo": "2 channels, channel 0 is used",
    "truncated": "ends before its header says, what is there is used",
}
REFUSALS = {
    "empty": "is empty (0 bytes); record or convert it again",
    "notriff": "is no sound file that libsndfile reads",
}


def verdicts() -> list[tuple[str, str, bool, int, str]]:
    """Wav, option, whether Kaldi takes it, how many frames it makes, and what it says."""
    rows = [line.split("\t") for line in (EDGE / "results.tsv").read_text().splitlines()]
    found = [
        (name, option, status == "rc=0", int(frames.removeprefix("frames=")), said)
        for name, option, status, frames, said in rows
    ]
    assert {row[0] for row in found} == {path.stem for path in EDGE.glob("*.wav")}
    assert len(found) == 48
    return found


@pytest.mark.parametrize(("name", "option", "accepted", "frames", "said"), verdicts())
def test_verdict_is_kaldis(
    name: str,
    option: str,
    accepted: bool,
    frames: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    compared: Compared,
) -> None:
    monkeypatch.chdir(EDGE)
    NOTICES.clear()
    (tmp_path / "conf").write_text(f"--{option}\n")
    (tmp_path / "wav.scp").write_text(f"utt {name}.wav\n")
    feats = tmp_path / "feats.ark"
    words = ["--config", f"{tmp_path}/conf", f"scp:{tmp_path}/wav.scp", f"ark:{feats}"]
    status = run(["features", *words])
    error = capsys.readouterr().err
    if accepted:
        assert (status, error) == (0, "")
        ((_, matrix),) = read_matrices(f"ark:{feats}")
        assert len(matrix) == frames
        assert matrix.shape[1] == (23 if frames else 0)
        assert (WARNINGS.get(name, "utt: ") in caplog.text) == bool(said or not frames)
        compared("odd wavs, judged as Kaldi does")
    elif name in KINDER:
        assert (status, error) == (0, "")
        compared("odd wavs that Kaldi refuses and kws reads (docs/kaldi.md)")
    else:
        assert status == 2
        assert error.count("\n") == 1
        assert REFUSALS[name] in error
        assert error.startswith(f"{tmp_path}/wav.scp:1: utt: {name}.wav: ")
        assert not feats.exists()
        compared("odd wavs, judged as Kaldi does")


def test_what_is_read_more_than_kaldi_reads_holds_the_same_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The formats that Kaldi refuses are those of len1600.wav, in other words."""
    monkeypatch.chdir(EDGE)
    names = ["len1600", *sorted(KINDER - {"rate8k"})]
    (tmp_path / "wav.scp").write_text("".join(f"{name} {name}.wav\n" for name in names))
    assert run(["features", f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/feats.ark"]) == 0
    found = dict(read_matrices(f"ark:{tmp_path}/feats.ark"))
    for name in ("pcm24", "float32"):
        assert np.array_equal(found[name], found["len1600"])
    for name in ("pcm8", "ulaw"):  # noise of their quantisation in the weak bins
        assert found[name].shape == found["len1600"].shape
        assert np.corrcoef(found[name].ravel(), found["len1600"].ravel())[0, 1] > 0.9


def test_another_rate_is_left_out_as_in_kaldi_where_the_options_say_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Kaldi's default, allow-upsample=false, given explicitly: a warning, and nothing to write."""
    monkeypatch.chdir(EDGE)
    (tmp_path / "conf").write_text("--allow-upsample=false\n")
    (tmp_path / "wav.scp").write_text("utt rate8k.wav\n")
    words = ["--config", f"{tmp_path}/conf", f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/f.ark"]
    assert run(["features", *words]) == 2
    assert "there are no utterances to write" in capsys.readouterr().err
    assert "utt: 8000 Hz, but sample-frequency=16000; left out" in caplog.text


def test_headers_of_every_kind_hold_the_same_samples() -> None:
    expected = read_audio(EDGE / "len1600.wav").samples
    names = "piped listchunk streamff stream7f streamzero trailing extensible rifx pcm24 float32"
    for name in names.split():
        assert np.array_equal(read_audio(EDGE / f"{name}.wav").samples, expected), name
    assert np.array_equal(read_audio(EDGE / "truncated.wav").samples, expected[:1100])
    # 8 bits: steps of 256; mu-law: steps of 1024 at the loudest
    assert np.abs(read_audio(EDGE / "pcm8.wav").samples - expected).max() <= 256
    assert np.abs(read_audio(EDGE / "ulaw.wav").samples - expected).max() <= 1024
