"""Features, CMVN, deltas and tables against the real Kaldi's (see feats/README.md)."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import read_audio
from kws.cli.main import run
from kws.features import (
    CmvnOptions,
    CmvnStats,
    DeltaOptions,
    Deltas,
    FeatureOptions,
    FeaturePipeline,
    apply_cmvn,
    parse_feature_options,
    resample_as_kaldi,
    reverse_cmvn,
)
from kws.kaldi import read_matrices, read_matrix, read_waves
from kws.nnet import Nnet

GOLDEN = Path(__file__).parent
Compared = Callable[..., None]
# twice the difference of an independent float64 computation (feats/README.md)
LIMITS = {
    "fbank-noround.txt": 2 * 3.2e-4,
    "fbank-allow-up.txt": 2 * 6e-4,
    "fbank-linear.txt": 2 * 6e-5,
    "fbank-linmag.txt": 2 * 6e-5,
    "fbank.ark": 2 * 1e-4,
    "fbank40.ark": 2 * 1.2e-4,
    "mfcc.ark": 2 * 1.3e-3,
}
LOG_LIMIT = 2 * 7e-5
MFCC_LIMIT = 2 * 3.5e-4


@pytest.fixture(autouse=True)
def _in_golden_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)


def commands() -> list[tuple[str, str, str]]:
    """File, options and wav.scp of each compute-*-feats command in the README."""
    text = (GOLDEN / "feats/README.md").read_text()
    pattern = r"^\| feats/(\S+).*? \| `compute-(fbank|mfcc)-feats (.*?) scp:(\S+) "
    found = re.findall(pattern, text, re.MULTILINE)
    assert [kind for _, kind, _, _ in found].count("fbank") == 39
    assert [kind for _, kind, _, _ in found].count("mfcc") == 9
    return [(name, f"--feature-type={kind} {o}", waves) for name, kind, o, waves in found]


def features_of(options: str, wave_list: str) -> dict[str, np.ndarray]:
    channel = re.search(r"--channel=(\d)", options)
    lines = "\n".join(word for word in options.split() if "--channel" not in word)
    pipeline = FeaturePipeline(parse_feature_options(lines, "options"))
    features = {}
    for line in Path(wave_list).read_text().splitlines():
        key, path = line.split()
        wave = read_audio(path, channel=int(channel[1]) if channel else None)
        samples = torch.from_numpy(wave.samples)[None]
        if wave.sample_rate != pipeline.options.sample_rate:
            assert pipeline.options.raw.allows(wave.sample_rate)
            samples = resample_as_kaldi(samples, wave.sample_rate, pipeline.options.sample_rate)
        features[key] = pipeline(samples)[0].numpy()
    return features


def worst(found: np.ndarray, expected: np.ndarray, linear: bool = False) -> float:
    """The largest difference, measured as the README says."""
    assert found.shape == expected.shape
    scale = np.maximum(1.0, np.abs(expected))
    if linear:
        largest = np.abs(expected).max(axis=1, keepdims=True)
        # a row of digital silence is exactly 0 in both
        scale = np.maximum(np.maximum(np.abs(expected), 1e-3 * largest), 1e-30)
    return float((np.abs(found - expected) / scale).max())


@pytest.mark.parametrize(("name", "options", "wave_list"), commands())
def test_features_agree_with_kaldi(
    name: str, options: str, wave_list: str, compared: Compared
) -> None:
    expected = dict(read_matrices(f"ark:feats/{name}", dtype=np.float64))
    found = features_of(options, wave_list)
    assert list(found) == list(expected)
    for key in expected:
        difference = worst(found[key], expected[key], linear="lin" in name)
        limit = MFCC_LIMIT if name.startswith("mfcc") else LOG_LIMIT
        assert difference < LIMITS.get(name, limit), key
    compared("feature files")


def test_deltas_agree_with_kaldi(compared: Compared) -> None:
    for source, target, options, limit in (
        ("mfcc-default", "mfcc-deltas", DeltaOptions(2, 2), 2 * 6e-6),
        ("fbank-default", "fbank-deltas1w3", DeltaOptions(1, 3), 2 * 1.2e-6),
    ):
        expected = dict(read_matrices(f"ark:feats/{target}.txt", dtype=np.float64))
        for key, matrix in read_matrices(f"ark:feats/{source}.txt"):
            found = Deltas(options, matrix.shape[1])(torch.tensor(matrix)[None])[0]
            assert worst(found.numpy(), expected[key]) < limit
        compared("feature files")


def test_splicing_agrees_with_kaldi(compared: Compared) -> None:
    """splice-feats is what a network's first component does to its input."""
    line = "SpliceComponent input-dim=13 left-context=1 right-context=3"
    nnet = Nnet.from_config(line, "splice", torch.Generator())
    expected = dict(read_matrices("ark:feats/mfcc-splice.txt"))
    for key, matrix in read_matrices("ark:feats/mfcc-default.txt"):
        found = nnet(torch.tensor(matrix)[None])[0].numpy()
        assert np.array_equal(found, expected[key])
    compared("feature files")


def accumulated(keys: list[str]) -> np.ndarray:
    features = dict(read_matrices("scp:feats/fbank40.scp"))
    stats = CmvnStats.zero(40)
    for key in keys:
        stats = stats.accumulate(torch.tensor(features[key]))
    return stats.to_matrix().numpy()


def test_cmvn_statistics_agree_with_kaldi(compared: Compared) -> None:
    utterances = [line.split()[0] for line in Path("data/utt2spk").read_text().splitlines()]
    by_speaker = [line.split() for line in Path("data/spk2utt").read_text().splitlines()]
    expected = dict(read_matrices("ark:feats/cmvn-utt.txt", dtype=np.float64))
    expected |= dict(read_matrices("ark:feats/cmvn-spk.ark", dtype=np.float64))
    expected["all"] = read_matrix("feats/cmvn-global.txt")
    sets = {key: [key] for key in utterances} | {spk: keys for spk, *keys in by_speaker}
    for name, keys in (sets | {"all": utterances}).items():
        # relative, twice the tabulated 5e-7; the text files have 7 digits
        np.testing.assert_allclose(accumulated(keys), expected[name], rtol=1e-6, atol=0)
    assert len(expected) == 6 + 3 + 1
    compared("feature files", 3)


@pytest.mark.parametrize("kind", ["spk", "spk-vars", "global"])
def test_cmvn_agrees_with_kaldi(kind: str, compared: Compared) -> None:
    speakers = dict(line.split() for line in Path("data/utt2spk-cut").read_text().splitlines())
    matrices = dict(read_matrices("scp:feats/cmvn-spk.scp", dtype=np.float64))
    expected = dict(read_matrices(f"ark:feats/fbank40-cmvn-{kind}.txt", dtype=np.float64))
    for key, matrix in read_matrices("scp:feats/fbank40-2.scp"):
        source = read_matrix("feats/cmvn-global.txt") if kind == "global" else None
        stats = CmvnStats.from_matrix(
            torch.tensor(matrices[speakers[key]] if source is None else source)
        )
        features = torch.tensor(matrix)
        found = apply_cmvn(features, stats, norm_vars=kind != "spk")
        assert worst(found.numpy(), expected[key]) < 2 * 1.1e-5
        if kind == "global":
            options = FeatureOptions(
                raw=parse_feature_options("--num-mel-bins=40", "x").raw,
                cmvn=CmvnOptions("global", norm_vars=True),
            )
            again = FeaturePipeline(options, stats).from_raw(features[None])[0]
            assert worst(again.numpy(), expected[key]) < 2 * 1.1e-5
    compared("feature files")


def test_cmvn_skips_columns_and_is_undone_as_in_kaldi(compared: Compared) -> None:
    stats = CmvnStats.from_matrix(torch.tensor(read_matrix("feats/cmvn-global.txt")))
    normalised = dict(read_matrices("ark:feats/fbank40-cmvn-global.txt"))
    skipped = dict(read_matrices("ark:feats/fbank40-cmvn-skip.txt", dtype=np.float64))
    undone = dict(read_matrices("ark:feats/fbank40-cmvn-reverse.txt", dtype=np.float64))
    for key, matrix in read_matrices("scp:feats/fbank40-2.scp"):
        features = torch.tensor(matrix)
        found = apply_cmvn(features, stats, norm_vars=True, skip_dims=(0, 2, 39))
        assert worst(found.numpy(), skipped[key]) < 2 * 1.1e-5
        again = reverse_cmvn(torch.tensor(normalised[key]), stats, norm_vars=True)
        assert worst(again.numpy(), undone[key]) < 2 * 1.1e-5
    compared("feature files", 2)


def test_kws_features_writes_what_kaldi_writes(tmp_path: Path) -> None:
    config = tmp_path / "fbank40.conf"
    config.write_text("--num-mel-bins=40\n--cmvn=global\n--norm-vars=true\n")
    words = ["--config", str(config), "scp:data/wav.scp", str(tmp_path / "out")]
    program = "from kws.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "features", *words], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    stats = read_matrix(tmp_path / "out/cmvn.stats")
    expected = read_matrix("feats/cmvn-global.txt")
    np.testing.assert_allclose(stats, expected, rtol=2 * 1.2e-4, atol=0)
    raw = dict(read_matrices("scp:feats/fbank40.scp"))
    for key, matrix in read_matrices(f"scp:{tmp_path}/out/feats.scp"):
        normalised = apply_cmvn(
            torch.tensor(raw[key]), CmvnStats.from_matrix(torch.tensor(expected)), norm_vars=True
        )
        # the standard deviation is about 4: differences of the fbank shrink
        assert worst(matrix, normalised.numpy()) < 2 * 1.2e-4


@pytest.mark.parametrize(
    ("name", "lines", "waves"),
    [
        ("fbank-allow-up.txt", "--allow-upsample=true", "data/wav8k.scp"),
        ("fbank-allow-down.txt", "--sample-frequency=8000\n--allow-downsample", "data/wav1.scp"),
        ("mfcc.ark", "--feature-type=mfcc", "data/wav.scp"),
    ],
)
def test_kws_features_converts_and_transforms_as_kaldi_does(
    tmp_path: Path, name: str, lines: str, waves: str
) -> None:
    config = tmp_path / "features.conf"
    config.write_text(lines)
    found = f"ark:{tmp_path / 'feats.ark'}"
    assert run(["features", "--config", str(config), f"scp:{waves}", found]) == 0
    expected = dict(read_matrices(f"ark:feats/{name}", dtype=np.float64))
    for key, matrix in read_matrices(found):
        assert worst(matrix, expected.pop(key)) < LIMITS.get(name, LOG_LIMIT)
    assert not expected


def test_waveforms_of_an_scp_are_read() -> None:
    waves = dict(read_waves("scp:data/wav1.scp"))
    assert {key: len(wave.samples) for key, wave in waves.items()} == {"spk1-hello-cut": 7300}
