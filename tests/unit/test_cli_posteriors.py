import gzip

import numpy as np
import pytest
import torch

from kws.audio import NOTICES, write_audio
from kws.cli.main import run as kws
from kws.features import CmvnStats, FeaturePipeline, apply_cmvn, parse_feature_options
from kws.kaldi import read_matrices, write_matrices
from kws.nnet import ModelFile, Nnet, write_model

NETWORK = """SpliceComponent input-dim=8 left-context=6 right-context=3
AffineComponent input-dim=80 output-dim=3 param-stddev=0.2 bias-stddev=0.3
SoftmaxComponent dim=3
"""
FEATURES = "--num-mel-bins=4\n--delta-order=1\n--cmvn={cmvn}\n--norm-vars=true\n"
# log energies near 20 without CMVN: sums of 80 products up to 10 in float32, over other blocks
ROUNDING = 2e-5
LENGTHS_S = {"anna-1": 0.5, "anna-2": 0.11, "bert-1": 0.3}


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


def make_nnet():
    return Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(5))


def some_sound(utterance):
    random = np.random.default_rng(len(utterance) + ord(utterance[-1]) + ord(utterance[0]))
    return np.round(300 * random.standard_normal(round(16000 * LENGTHS_S[utterance])))


@pytest.fixture
def data_dir(tmp_path):
    path = tmp_path / "data"
    for utterance in LENGTHS_S:
        write_audio(path / f"{utterance}.wav", some_sound(utterance), 16000)
    (path / "wav.scp").write_text("".join(f"{u} {u}.wav\n" for u in LENGTHS_S))
    (path / "utt2spk").write_text("".join(f"{u} {u[:4]}\n" for u in LENGTHS_S))
    return path


def fbank_of(utterance):
    options = parse_feature_options("--num-mel-bins=4\n", "fbank.conf")
    samples = torch.from_numpy(some_sound(utterance)).float()
    return FeaturePipeline(options)(samples[None])


def with_deltas(utterance):
    options = parse_feature_options(FEATURES.format(cmvn="none"), "fbank.conf")
    return FeaturePipeline(options).from_raw(fbank_of(utterance))


def stats_of(*utterances):
    stats = CmvnStats.zero(8)
    for utterance in utterances:
        stats = stats.accumulate(with_deltas(utterance))
    return stats


def make_model(tmp_path, cmvn=None):
    """A model file; without `cmvn` a network alone."""
    nnet, path = make_nnet(), tmp_path / f"{cmvn}.kws"
    tensors = nnet.tensors()
    if cmvn == "global":
        tensors["cmvn.stats"] = stats_of(*LENGTHS_S).to_matrix()
    features = "" if cmvn is None else FEATURES.format(cmvn=cmvn)
    write_model(path, ModelFile(nnet.config_text(), features, {}, tensors))
    return str(path)


def expected_posteriors(utterance, cmvn="global"):
    if cmvn == "global":
        stats = stats_of(*LENGTHS_S)
    elif cmvn == "speaker":
        stats = stats_of(*(u for u in LENGTHS_S if u[:4] == utterance[:4]))
    features = with_deltas(utterance)
    features = apply_cmvn(features, stats, norm_vars=True) if cmvn != "none" else features
    with torch.no_grad():
        return make_nnet()(features)[0].numpy()


def written(path):
    return dict(read_matrices(f"ark:{path}"))


def write_table(path, matrices):
    with write_matrices(f"ark:{path}") as writer:
        for key, matrix in matrices.items():
            writer.write(key, matrix)


@pytest.mark.parametrize("cmvn", ["none", "global", "speaker"])
def test_a_data_dir_starts_at_the_audio(cmvn, data_dir, tmp_path):
    model, target = make_model(tmp_path, cmvn), tmp_path / "post.ark"
    assert kws(["posteriors", model, str(data_dir), f"ark:{target}"]) == 0
    outputs = written(target)
    assert list(outputs) == list(LENGTHS_S)
    for utterance, output in outputs.items():
        assert output.dtype == np.float32
        np.testing.assert_allclose(output, expected_posteriors(utterance, cmvn), atol=ROUNDING)


def test_a_table_is_what_the_network_reads(tmp_path):
    model, source, target = make_model(tmp_path), tmp_path / "in.ark", tmp_path / "post.ark"
    matrices = {u: with_deltas(u)[0].numpy() for u in LENGTHS_S}
    write_table(source, matrices)
    assert kws(["posteriors", model, f"ark:{source}", f"ark:{target}"]) == 0
    for utterance, output in written(target).items():
        np.testing.assert_allclose(output, expected_posteriors(utterance, "none"), atol=ROUNDING)


def test_raw_features_get_the_models_deltas_and_cmvn(tmp_path):
    model, source, target = make_model(tmp_path, "global"), tmp_path / "in.ark", tmp_path / "p.ark"
    write_table(source, {u: fbank_of(u)[0].numpy() for u in LENGTHS_S})
    assert kws(["posteriors", "--raw-features", model, f"ark:{source}", f"ark:{target}"]) == 0
    outputs = written(target)
    assert list(outputs) == list(LENGTHS_S)
    for utterance, output in outputs.items():
        np.testing.assert_allclose(output, expected_posteriors(utterance), atol=ROUNDING)


def test_logarithms_have_a_floor(tmp_path):
    lines = ["AffineComponent input-dim=1 output-dim=2 param-stddev=0 bias-stddev=0"]
    nnet = Nnet.from_config("\n".join(lines), "nnet.config", torch.Generator())
    with torch.no_grad():
        nnet.components[0].weight.copy_(torch.tensor([[1.0], [0.0]]))
    model, source, target = tmp_path / "0.kws", tmp_path / "in.ark", tmp_path / "post.ark"
    write_model(model, ModelFile(nnet.config_text(), tensors=nnet.tensors()))
    write_table(source, {"a": np.array([[1.0], [0.5]], np.float32)})
    assert kws(["posteriors", "--apply-log", str(model), f"ark:{source}", f"ark:{target}"]) == 0
    expected = np.log([[1, 1e-20], [0.5, 1e-20]])
    np.testing.assert_allclose(written(target)["a"], expected, rtol=1e-6)


def test_priors_divide_before_the_sum_and_the_logarithm(tmp_path):
    """nnet-am-compute's order: outputs over priors, each frame over its sum, log with its floor."""
    nnet = Nnet.from_config("ScaleComponent dim=3 scale=1", "nnet.config", torch.Generator())
    model, source, target = tmp_path / "0.kws", tmp_path / "in.ark", tmp_path / "post.ark"
    metadata = {"pdfs": 3, "priors": [0.5, 0.25, 0.25]}
    write_model(model, ModelFile(nnet.config_text(), metadata=metadata, tensors=nnet.tensors()))
    write_table(source, {"a": np.array([[0.2, 0.3, 0.5], [1, 0, 0]], np.float32)})
    words = ["posteriors", "--divide-by-priors", str(model), f"ark:{source}", f"ark:{target}"]
    # 0.2 / 0.5, 0.3 / 0.25, 0.5 / 0.25 sum to 3.6
    expected = np.array([[0.4 / 3.6, 1.2 / 3.6, 2 / 3.6], [1, 0, 0]])
    assert kws(words) == 0
    np.testing.assert_allclose(written(target)["a"], expected, rtol=1e-6)
    assert kws([*words, "--apply-log"]) == 0
    floored = np.log(np.maximum(expected, 1e-20))
    np.testing.assert_allclose(written(target)["a"], floored, rtol=1e-6)


def test_without_padding_short_utterances_are_left_out(data_dir, tmp_path, caplog):
    model, target = make_model(tmp_path, "global"), tmp_path / "post.ark"
    words = ["posteriors", "--no-pad-input", model, str(data_dir), f"ark:{target}"]
    assert kws(words) == 0
    outputs = written(target)
    assert list(outputs) == ["anna-1", "bert-1"]
    for utterance, output in outputs.items():
        # the network's context: 6 frames of the past and 3 of the future
        np.testing.assert_allclose(output, expected_posteriors(utterance)[6:-3], atol=ROUNDING)
    assert [record.getMessage() for record in caplog.records] == [
        "anna-2: 9 frames, needs 10; left out",
        f"{data_dir}: 1 utterance(s) left out, 2 written",
    ]


def test_utterances_without_a_frame_are_left_out(data_dir, tmp_path, caplog):
    write_audio(data_dir / "carl-1.wav", np.zeros(399), 16000)
    with (data_dir / "wav.scp").open("a") as file:
        file.write("carl-1 carl-1.wav\n")
    with (data_dir / "utt2spk").open("a") as file:
        file.write("carl-1 carl\n")
    model, target = make_model(tmp_path, "speaker"), tmp_path / "post.ark"
    assert kws(["posteriors", model, str(data_dir), f"ark:{target}"]) == 0
    assert list(written(target)) == list(LENGTHS_S)
    assert [record.getMessage() for record in caplog.records] == [
        "carl-1: 0 frames, needs 1; left out",
        f"{data_dir}: 1 utterance(s) left out, 3 written",
    ]


def test_audio_that_cannot_be_read_does_not_stop_the_others(data_dir, tmp_path, caplog, capsys):
    (data_dir / "anna-2.wav").write_text("not a sound\n")
    (data_dir / "bert-1.wav").unlink()
    model, target = make_model(tmp_path, "global"), tmp_path / "post.ark"
    assert kws(["posteriors", model, str(data_dir), f"ark:{target}"]) == 2
    assert list(written(target)) == ["anna-1"]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 2
    assert "anna-2.wav: is text" in messages[0]
    assert messages[1] == (
        f"{data_dir}/wav.scp:3: {data_dir}/bert-1.wav: No such file or directory; left out"
    )
    assert capsys.readouterr().err == (
        f"{data_dir}: 2 utterance(s) cannot be read, anna-2 first; the others are in ark:{target}\n"
    )


def test_commands_run_only_with_leave(tmp_path, capsys):
    model, source, target = make_model(tmp_path), tmp_path / "in.ark", tmp_path / "post.ark"
    write_table(source, {"a": np.ones((4, 8), np.float32)})
    packed = tmp_path / "in.ark.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    words = ["posteriors", model, f"ark:gzip -d -c {packed} |", f"ark:{target}"]
    assert kws(words) == 2
    assert "it runs only with --allow-commands" in capsys.readouterr().err
    assert not target.exists()
    assert kws(["posteriors", "--allow-commands", *words[1:]]) == 0
    assert written(target)["a"].shape == (4, 3)
    assert kws(["posteriors", model, f"ark:{source}", f"ark:| cat > {tmp_path / 'new'}"]) == 2
    assert not (tmp_path / "new").exists()


def test_no_utterance_at_all_ends_as_in_kaldi(tmp_path, capsys):
    model, empty, target = make_model(tmp_path), tmp_path / "empty.ark", tmp_path / "post.ark"
    write_table(empty, {})
    target.write_text("of an earlier run")
    assert kws(["posteriors", model, f"ark:{empty}", f"ark:{target}"]) == 1
    assert capsys.readouterr().err == f"ark:{empty}: holds no utterance that can be used\n"
    assert target.read_text() == "of an earlier run"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ALONE", "DATA"], "ALONE: a network without features, which a data dir needs; give a"),
        (
            ["--raw-features", "ALONE", "ark:TABLE"],
            "ALONE: a network without features, which --raw-features needs; give a table of",
        ),
        (
            ["--raw-features", "GLOBAL", "DATA"],
            "DATA: a data dir starts at the audio; --raw-features is for tables",
        ),
        (
            ["--raw-features", "SPEAKER", "ark:TABLE"],
            "ark:TABLE: a table does not tell the speakers, which cmvn=speaker needs; give a data",
        ),
        (["ALONE", "ark:TABLE"], "ark:TABLE: a: 5 columns, but 8 are read; give the features that"),
        (["ALONE", "nowhere"], "nowhere: is not a specifier, such as"),
        (["TABLE", "ark:TABLE"], "TABLE: not a kws model, or damaged"),
    ],
)
def test_mistakes_are_told_in_one_line(words, message, data_dir, tmp_path, capsys):
    table = tmp_path / "in.ark"
    write_table(table, {"a": np.ones((2, 5), np.float32)})
    names = {
        "ALONE": make_model(tmp_path),
        "GLOBAL": make_model(tmp_path, "global"),
        "SPEAKER": make_model(tmp_path, "speaker"),
        "DATA": str(data_dir),
        "TABLE": str(table),
        "OUT": str(tmp_path / "post.ark"),
    }

    def real(text):
        for name, value in names.items():
            text = text.replace(name, value)
        return text

    assert kws(["posteriors", *map(real, [*words, "ark:OUT"])]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(real(message))
    assert captured.err.count("\n") == 1
