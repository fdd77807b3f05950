"""Features, CMVN, deltas and tables against the real Kaldi's (see feats/README.md)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.audio import read_audio
from kws.cli.main import run
from kws.errors import InputError
from kws.features import (
    CmvnOptions,
    CmvnStats,
    DeltaOptions,
    Deltas,
    Fbank,
    FeatureOptions,
    FeaturePipeline,
    apply_cmvn,
    parse_feature_options,
    resample_as_kaldi,
    reverse_cmvn,
)
from kws.kaldi import read_matrices, read_matrix, read_waves, write_matrices
from kws.nnet import Nnet

GOLDEN = Path(__file__).parent
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
def test_features_agree_with_kaldi(name: str, options: str, wave_list: str) -> None:
    expected = dict(read_matrices(f"ark:feats/{name}", dtype=np.float64))
    found = features_of(options, wave_list)
    assert list(found) == list(expected)
    for key in expected:
        difference = worst(found[key], expected[key], linear="lin" in name)
        limit = MFCC_LIMIT if name.startswith("mfcc") else LOG_LIMIT
        assert difference < LIMITS.get(name, limit), key


def test_deltas_agree_with_kaldi() -> None:
    for source, target, options, limit in (
        ("mfcc-default", "mfcc-deltas", DeltaOptions(2, 2), 2 * 6e-6),
        ("fbank-default", "fbank-deltas1w3", DeltaOptions(1, 3), 2 * 1.2e-6),
    ):
        expected = dict(read_matrices(f"ark:feats/{target}.txt", dtype=np.float64))
        for key, matrix in read_matrices(f"ark:feats/{source}.txt"):
            found = Deltas(options, matrix.shape[1])(torch.tensor(matrix)[None])[0]
            assert worst(found.numpy(), expected[key]) < limit


def test_splicing_agrees_with_kaldi() -> None:
    """splice-feats is what a network's first component does to its input."""
    line = "SpliceComponent input-dim=13 left-context=1 right-context=3"
    nnet = Nnet.from_config(line, "splice", torch.Generator())
    expected = dict(read_matrices("ark:feats/mfcc-splice.txt"))
    for key, matrix in read_matrices("ark:feats/mfcc-default.txt"):
        found = nnet(torch.tensor(matrix)[None])[0].numpy()
        assert np.array_equal(found, expected[key])


def accumulated(keys: list[str]) -> np.ndarray:
    features = dict(read_matrices("scp:feats/fbank40.scp"))
    stats = CmvnStats.zero(40)
    for key in keys:
        stats = stats.accumulate(torch.tensor(features[key]))
    return stats.to_matrix().numpy()


def test_cmvn_statistics_agree_with_kaldi() -> None:
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


@pytest.mark.parametrize("kind", ["spk", "spk-vars", "global"])
def test_cmvn_agrees_with_kaldi(kind: str) -> None:
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


def test_cmvn_skips_columns_and_is_undone_as_in_kaldi() -> None:
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


@pytest.mark.parametrize("method", range(1, 8))
def test_compressed_matrices_are_read_as_kaldi_reads_them(method: int) -> None:
    expected = dict(read_matrices(f"ark:feats/fbank40-cm{method}.txt", dtype=np.float64))
    for kind in ("ark", "scp"):
        for key, matrix in read_matrices(f"{kind}:feats/fbank40-cm{method}.{kind}"):
            assert worst(matrix, expected[key]) < 2 * 7.5e-6


def test_tables_are_read_as_kaldi_reads_them() -> None:
    for ours, theirs in (
        ("ark:io/mixed.ark", "ark,t:io/mixed.out"),
        ("scp:io/range.scp", "ark:io/range.txt"),
        ("ark:io/dmat.ark", "ark:io/dmat.txt"),
        ("ark:io/smat.ark", "ark:io/dmat.txt"),
    ):
        expected = dict(read_matrices(theirs, dtype=np.float64))
        found = dict(read_matrices(ours, dtype=np.float64))
        assert list(found) == list(expected)
        for key, matrix in found.items():
            assert matrix.shape == expected[key].shape
            # their text has 7 significant digits
            np.testing.assert_allclose(matrix, expected[key], rtol=5e-7)
    lengths = dict(line.split() for line in Path("io/len.txt").read_text().splitlines())
    for key, matrix in read_matrices("scp:feats/fbank40.scp"):
        assert len(matrix) == int(lengths[key])


def test_archives_are_written_byte_for_byte_as_kaldi_writes_them(tmp_path: Path) -> None:
    for source, target, kind in (
        ("feats/fbank40.ark", "out.ark", "ark"),
        ("feats/fbank-40.txt", "out.txt", "ark,t"),
        ("io/mixed.out", "mixed.txt", "ark,t"),
    ):
        with write_matrices(f"{kind}:{tmp_path / target}") as writer:
            for key, matrix in read_matrices(f"ark:{source}"):
                writer.write(key, matrix)
        assert (tmp_path / target).read_bytes() == Path(source).read_bytes()


def test_a_vector_is_not_a_matrix() -> None:
    with pytest.raises(InputError, match=r"vec\.ark: a: holds an object of type 'FV', not a mat"):
        list(read_matrices("ark:io/vec.ark"))


def test_a_piped_archive_needs_leave(tmp_path: Path) -> None:
    piped = "ark:gunzip -c io/feats.txt.gz |"
    with pytest.raises(InputError, match="--allow-commands"):
        list(read_matrices(piped))
    expected = dict(read_matrices("ark:feats/fbank-8k.txt"))
    found = dict(read_matrices(piped, allow_commands=True))
    assert list(found) == list(expected)
    assert all(np.array_equal(found[key], expected[key]) for key in expected)


def edge_cases() -> list[tuple[str, bool, int]]:
    rows = [line.split("\t") for line in (GOLDEN / "edge/results.tsv").read_text().splitlines()]
    return [
        (name, snip == "snip-edges=true", int(frames.removeprefix("frames=")))
        for name, snip, status, frames, *_ in rows
        if status == "rc=0"
    ]


@pytest.mark.parametrize(("name", "snip_edges", "num_frames"), edge_cases())
def test_odd_wavs_give_as_many_frames_as_in_kaldi(
    name: str, snip_edges: bool, num_frames: int
) -> None:
    options = parse_feature_options(f"--snip-edges={str(snip_edges).lower()}", "x")
    wave = read_audio(f"edge/{name}.wav")
    assert wave.sample_rate == 16000
    assert Fbank(options.raw)(torch.from_numpy(wave.samples)[None]).shape[1] == num_frames
    assert options.num_frames(len(wave.samples)) == num_frames


def test_headers_of_every_kind_hold_the_same_samples() -> None:
    expected = read_audio("edge/len1600.wav").samples
    names = "piped listchunk streamff stream7f streamzero trailing extensible rifx pcm24 float32"
    for name in names.split():
        assert np.array_equal(read_audio(f"edge/{name}.wav").samples, expected), name
    assert np.array_equal(read_audio("edge/truncated.wav").samples, expected[:1100])
    # 8 bits: steps of 256; mu-law: steps of 1024 at the loudest
    assert np.abs(read_audio("edge/pcm8.wav").samples - expected).max() <= 256
    assert np.abs(read_audio("edge/ulaw.wav").samples - expected).max() <= 1024


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("empty", "edge/empty.wav: is empty (0 bytes); record or convert it again"),
        ("notriff", "edge/notriff.wav: is no sound file that libsndfile reads (Format not"),
    ],
)
def test_wavs_that_kaldi_refuses_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        read_audio(f"edge/{name}.wav")


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
