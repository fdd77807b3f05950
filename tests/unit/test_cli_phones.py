"""`kws train-gmm`, `align --gmm`, `make-graph` and `decode` as a user calls them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import phone_tones
import pytest
from phone_tones import SYMBOLS, Spoken

from kws.cli.main import run
from kws.data import Utterance, Word, read_ctm, write_data_dir
from kws.files import write_text
from kws.hmm import parse_arpa, read_symbols
from kws.kaldi import read_int_vectors, write_matrices
from kws.training.phone_models import load_gmm, load_phone_model

# frames of 10 ms whose middles lie 5 ms behind their beginnings
FEATURES = "--snip-edges=false\n"
TRAIN = ["train-gmm", "--totgauss", "20", "--num-iters", "6"]
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
from kws.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


def write_corpus(folder: Path, spoken: list[Spoken]) -> None:
    """A data dir with times, and features as `kws features` leaves them in FOLDER/feats."""
    write_data_dir(
        folder,
        [Utterance(s.utterance, "s", " ".join(s.phones), "none.wav") for s in spoken],
        ctm=[
            Word(s.utterance, span.start_s, span.end_s, span.word)
            for s in spoken
            for span in s.times
        ],
    )
    feats = folder / "feats"
    with write_matrices(f"ark,scp:{feats}/feats.ark,{feats}/feats.scp") as writer:
        for s in spoken:
            writer.write(s.utterance, s.features)
    write_text(feats / "features.conf", FEATURES)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train and dev, a model and a graph."""
    folder = tmp_path_factory.mktemp("phones")
    write_corpus(folder / "train", phone_tones.speak(30))
    write_corpus(folder / "dev", phone_tones.speak(8, seed=9))
    assert run([*TRAIN, *arguments(folder, "train", "train/feats", "mono")]) == 0
    assert run(graph_command(folder)) == 0
    return folder


def arguments(folder: Path, *names: str) -> list[str]:
    return [str(folder / name) for name in names]


def graph_command(folder: Path, graph: str = "graph") -> list[str]:
    train, model, out = arguments(folder, "train", "mono/final.mdl", graph)
    return ["make-graph", "--data", train, model, out]


def truth(seed: int = 9) -> dict[str, tuple[str, ...]]:
    return {s.utterance: s.phones for s in phone_tones.speak(8, seed=seed)}


def texts(path: Path) -> dict[str, tuple[str, ...]]:
    rows = (line.split() for line in path.read_text().splitlines())
    return {row[0]: tuple(row[1:]) for row in rows}


def test_a_model_is_trained(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = arguments(world, "train", "train/feats")
    assert run([*TRAIN, *source, str(tmp_path / "again")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 7
    assert out[0].startswith("pass 0: 15 Gaussians, log-likelihood -")
    assert out[0].endswith(", aligned anew")
    assert out[-1].startswith(f"{tmp_path}/again/final.mdl: 5 phones, ")
    assert (tmp_path / "again/final.mdl").read_bytes() == (world / "mono/final.mdl").read_bytes()
    assert read_symbols(tmp_path / "again/phones.txt") == SYMBOLS


def test_a_text_and_a_table_serve_too(world: Path, tmp_path: Path) -> None:
    text, scp = str(world / "train/text"), f"scp:{world}/train/feats/feats.scp"
    assert run([*TRAIN, text, scp, str(tmp_path)]) == 0
    assert (tmp_path / "final.mdl").read_bytes() == (world / "mono/final.mdl").read_bytes()


def test_options_come_from_a_file_and_the_command_line_counts_more(
    world: Path, tmp_path: Path
) -> None:
    config = tmp_path / "train.conf"
    config.write_text("--num-iters=3\n--totgauss=15\n--boost-silence=1.25\n--seed=4\n")
    source = arguments(world, "train", "train/feats")
    assert (
        run(
            ["train-gmm", "--config", str(config), "--num-iters", "2", *source, str(tmp_path / "m")]
        )
        == 0
    )
    lines = (tmp_path / "m/train.conf").read_text().splitlines()
    assert lines[1:] == ["--num-iters=2", "--totgauss=15", "--boost-silence=1.25", "--seed=4"]
    assert len((tmp_path / "m/progress.tsv").read_text().splitlines()) == 3


@pytest.mark.parametrize(("times", "aligned"), [("start", True), ("keep", False)])
def test_it_starts_from_times_or_keeps_them(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], times: str, aligned: bool
) -> None:
    assert (
        run([*TRAIN, "--times", times, *arguments(world, "train", "train/feats"), str(tmp_path)])
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert ("aligned anew" in lines[2]) == aligned
    flat = float((world / "mono/progress.tsv").read_text().splitlines()[1].split("\t")[2])
    hand = float((tmp_path / "progress.tsv").read_text().splitlines()[2].split("\t")[2])
    assert hand > flat + 0.5


def test_phones_are_aligned(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, dev, feats = arguments(world, "mono/final.mdl", "dev", "dev/feats")
    tables = ["--write-ali", f"ark:{tmp_path}/ali.ark", "--write-pdfs", f"ark,t:{tmp_path}/pdf.txt"]
    ctm = tmp_path / "ali.ctm"
    assert run(["align", "--gmm", model, "--feats", feats, *tables, dev, str(ctm)]) == 0
    assert capsys.readouterr().out == f"{ctm}: 8 utterances are aligned\n"
    found = read_ctm(ctm)
    paths = dict(read_int_vectors(f"ark:{tmp_path}/ali.ark"))
    outputs = dict(read_int_vectors(f"ark:{tmp_path}/pdf.txt"))
    pdfs = load_phone_model(model).pdfs
    for spoken in phone_tones.speak(8, seed=9):
        words = found[spoken.utterance]
        assert [word.word for word in words] == list(spoken.phones)
        starts = np.array([word.start_s for word in words])
        np.testing.assert_allclose(starts, [span.start_s for span in spoken.times], atol=0.021)
        assert words[-1].end_s == pytest.approx(spoken.times[-1].end_s, abs=1e-6)  # of a CTM
        assert len(paths[spoken.utterance]) == len(spoken.features)
        np.testing.assert_array_equal(pdfs[paths[spoken.utterance]], outputs[spoken.utterance])


def test_a_networks_likelihoods_align_the_same(world: Path, tmp_path: Path) -> None:
    _, gmm = load_gmm(world / "mono/final.mdl")
    with write_matrices(f"ark:{tmp_path}/ll.ark") as writer:
        for spoken in phone_tones.speak(8, seed=9):
            writer.write(spoken.utterance, gmm.log_likelihoods(spoken.features))
    model, dev, feats = arguments(world, "mono/final.mdl", "dev", "dev/feats")
    for option, source, name in (
        ("--feats", feats, "gmm"),
        ("--log-likelihoods", f"ark:{tmp_path}/ll.ark", "network"),
    ):
        ali = ["--write-ali", f"ark:{tmp_path}/{name}.ark"]
        command = ["align", "--gmm", model, option, source, *ali, dev, f"{tmp_path}/{name}.ctm"]
        assert run(command) == 0
    assert (tmp_path / "gmm.ark").read_bytes() == (tmp_path / "network.ark").read_bytes()
    # the same graph decodes them to the same phones
    graph = str(world / "graph")
    for option, source, name in (
        (["--gmm", model], feats, "gmm"),
        ([], f"ark:{tmp_path}/ll.ark", "network"),
    ):
        assert (
            run(["decode", "--lm-weights", "10", *option, graph, source, f"{tmp_path}/{name}"]) == 0
        )
    assert texts(tmp_path / "gmm/lm10/text") == texts(tmp_path / "network/lm10/text")


def test_hand_times_become_states(world: Path, tmp_path: Path) -> None:
    model, dev, feats = arguments(world, "mono/final.mdl", "dev", "dev/feats")
    ctm = tmp_path / "hand.ctm"
    assert run(["align", "--gmm", model, "--feats", feats, "--times", dev, str(ctm)]) == 0
    given, found = read_ctm(world / "dev/ctm"), read_ctm(ctm)
    assert found.keys() == given.keys()
    for utterance, words in given.items():
        for word, again in zip(words, found[utterance], strict=True):
            assert again.word == word.word
            assert again.start_s == pytest.approx(word.start_s, abs=2e-6)  # microseconds


def test_a_graph_is_made(world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = graph_command(world, "graph2")
    assert run([*command, "--order", "3", "--perplexity", str(world / "dev")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{world}/train: perplexity ") and out[0].endswith(" of the 3-gram")
    assert out[1].startswith(f"{world}/dev: perplexity ")
    assert " states, " in out[2]
    assert sorted(path.name for path in (world / "graph2").iterdir()) == [
        "G.fst",
        "HCLG.fst",
        "lm.arpa",
        "phones.txt",
        "transitions.mdl",
        "words.txt",
    ]
    arpa = (world / "graph2/lm.arpa").read_text()
    assert parse_arpa(arpa, "lm").order == 3
    # from that file the same graph
    model = str(world / "mono/final.mdl")
    assert run(["make-graph", "--arpa", str(world / "graph2/lm.arpa"), model, str(tmp_path)]) == 0
    assert (tmp_path / "lm.arpa").read_text() == arpa


def test_phones_are_decoded(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph, feats = arguments(world, "graph", "dev/feats")
    command = ["decode", "--gmm", str(world / "mono/final.mdl"), graph, feats, str(tmp_path)]
    assert run([*command, "--lm-weights", "1:10:2.5", "--n-best", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{tmp_path}: 8 utterances, ") and out.endswith(" x real time\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm1", "lm10", "lm2.5"]
    assert texts(tmp_path / "lm10/text") == truth()
    words = read_ctm(tmp_path / "lm10/ctm")
    for spoken in phone_tones.speak(8, seed=9):
        found = words[spoken.utterance]
        assert tuple(word.word for word in found) == spoken.phones
        starts = [word.start_s for word in found]
        np.testing.assert_allclose(starts, [s.start_s for s in spoken.times], atol=0.021)
    rows = [line.split() for line in (tmp_path / "lm10/nbest").read_text().splitlines()]
    assert len({(row[0], *row[3:]) for row in rows}) == len(rows)  # none twice
    for utterance, phones in truth().items():
        of_utterance = [row for row in rows if row[0] == utterance]
        assert [row[1] for row in of_utterance] == [str(n + 1) for n in range(len(of_utterance))]
        assert tuple(of_utterance[0][3:]) == phones
        costs = [float(row[2]) for row in of_utterance]
        assert costs == sorted(costs)


def test_an_utterance_without_a_path_is_told(
    world: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with write_matrices(f"ark:{tmp_path}/ll.ark") as writer:
        writer.write("short", np.zeros((2, 15)))
        writer.write("long", np.zeros((40, 15)))
    source = f"ark:{tmp_path}/ll.ark"
    assert run(["decode", "--lm-weights", "5", str(world / "graph"), source, str(tmp_path)]) == 0
    assert "1 utterances have no path through the graph, short first" in caplog.text
    lines = (tmp_path / "lm5/text").read_text().splitlines()
    assert lines[0] == "short" and lines[1].startswith("long ")


def test_no_path_for_any_utterance_is_no_success(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with write_matrices(f"ark:{tmp_path}/ll.ark") as writer:
        writer.write("short", np.zeros((2, 15)))
    source = f"ark:{tmp_path}/ll.ark"
    assert run(["decode", "--lm-weights", "5", str(world / "graph"), source, str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"{source}: none of 1 utterances has a path through the graph; are they of its phones, and "
        "as long?\n"
    )
    assert not (tmp_path / "lm5").exists()


def test_utterances_that_lack_features_are_told(
    world: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = tmp_path / "text"
    text.write_text((world / "dev/text").read_text() + "more a b\n")
    model, feats = arguments(world, "mono/final.mdl", "dev/feats")
    assert run(["align", "--gmm", model, "--feats", feats, str(text), str(tmp_path / "ctm")]) == 0
    assert f"{feats}: lacks 1 of 9 utterances; left out" in caplog.text


def test_what_computes_without_torch_starts_without_it(world: Path, tmp_path: Path) -> None:
    graph = graph_command(world)
    feats, ref = arguments(world, "train/feats", "train")
    for words in (
        [*TRAIN, ref, feats, str(tmp_path / "mono")],
        [*graph[:-1], str(tmp_path / "graph")],
        ["score", ref, ref],
    ):
        finished = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *words], capture_output=True, text=True
        )
        assert (finished.returncode, finished.stderr) == (0, "")
    for name in ("mono/final.mdl", "graph/HCLG.fst"):
        assert (tmp_path / name).read_bytes() == (world / name).read_bytes()
