"""The recipe of phone recognition, every stage, on a tiny synthetic corpus."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kws.kaldi import read_int_vectors, read_matrices
from kws.nnet import read_model
from kws.training.phone_models import load_phone_model

ROOT = Path(__file__).resolve().parents[2]
SYSTEMS = ("mono", "dnn.0", "convnet.0")
TINY = ("--speakers", "10", "--utterances", "3", "--totgauss", "130", "--lm-weights", "2:4:8:12")


def recipe(exp: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run recipes/timit/run.sh with the environment of these tests."""
    environment = {**os.environ, "KWS_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(ROOT / "recipes" / "timit" / "run.sh"), "--exp", str(exp), *options],
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    conf = tmp_path_factory.mktemp("conf")
    (conf / "dnn.conf").write_text("--num-epochs=4\n--initial-effective-lrate=0.004\n")
    (conf / "convnet.conf").write_text("--num-epochs=3\n--frames-per-job=1000\n")
    return [*TINY, "--dnn-config", f"{conf}/dnn.conf", "--convnet-config", f"{conf}/convnet.conf"]


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, options: list[str]
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    exp = tmp_path_factory.mktemp("recipe") / "exp"
    finished = recipe(exp, *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return exp, finished


def test_every_stage_leaves_what_it_promises(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    exp, _ = done
    names = ["data/train/ctm", "fbank40/dev/feats.scp", "gmm/mono/final.mdl", "gmm/mono/tree"]
    names += ["gmm/mono/graph/HCLG.fst", "gmm/mono/graph/lm.arpa", "gmm/mono/ali.dev.ark"]
    names += [f"gmm/{name}/final.kws" for name in SYSTEMS[1:]]
    for name in SYSTEMS:
        names += [f"gmm/{name}/decode_dev/lm_weight", f"gmm/{name}/score_dev/confusions.csv"]
        names += [f"gmm/{name}/score_test/utterances.csv"]
    for name in names:
        assert (exp / name).stat().st_size > 0, name


def test_test_is_decoded_with_the_weight_chosen_on_dev(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    exp, finished = done
    for name in SYSTEMS:
        folder = exp / "gmm" / name
        chosen = (folder / "decode_dev" / "lm_weight").read_text().strip()
        assert [path.name for path in (folder / "decode_test").iterdir()] == [f"lm{chosen}"]
        assert len(list((folder / "decode_dev").glob("lm*/text"))) == 4
        rates = re.findall(
            rf"^{folder}/decode_dev: language model (\S+): ([\d.]+) %", finished.stdout, re.M
        )
        assert min(float(rate) for _, rate in rates) == float(dict(rates)[chosen])


def test_the_networks_learn_the_alignment_and_find_phones(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    exp, finished = done
    sections = re.split(r"^-- ", finished.stdout, flags=re.M)[1:]
    found = (re.search(r"^%WER ([\d.]+) \[", section, re.M) for section in sections)
    rates = [float(rate[1]) for rate in found if rate]
    assert len(rates) == 2 * len(SYSTEMS)
    # one phone in 40 by chance; what they reach here is some 35 to 65 %
    assert max(rates) < 80, rates
    for name in ("dnn.0", "convnet.0"):
        log = (exp / "gmm" / name / "train.log").read_text()
        accuracies = [float(value) for value in re.findall(r"dev/accuracy ([\d.]+)", log)]
        assert accuracies[-1] > accuracies[0]
        metadata = read_model(exp / "gmm" / name / "final.kws").metadata
        assert metadata["pdfs"] == len(metadata["priors"])


def test_log_likelihoods_have_a_row_per_frame_of_the_alignment(
    done: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    exp, _ = done
    alignment = dict(read_int_vectors(f"ark:{exp}/gmm/mono/ali.dev.ark"))
    table = dict(read_matrices(f"ark:{exp}/gmm/convnet.0/dev.ark"))
    assert alignment
    for utterance, ids in alignment.items():
        assert len(table[utterance]) == len(ids)


def test_systems_are_compared(done: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    exp, finished = done
    sections = re.findall(r"^-- (\S+), (dev|test)$", finished.stdout, re.M)
    assert sections == [(name, part) for part in ("dev", "test") for name in SYSTEMS]
    with (exp / "gmm/convnet.0/score_dev/utterances.csv").open(encoding="utf-8") as file:
        utterances = {row["utterance"] for row in csv.DictReader(file)}
    text = (exp / "data/dev/text").read_text(encoding="utf-8")
    assert utterances == {line.split()[0] for line in text.splitlines()}


def test_a_stage_runs_again_alone(
    done: tuple[Path, subprocess.CompletedProcess[str]], options: list[str]
) -> None:
    exp, finished = done
    model = (exp / "gmm/dnn.0/final.kws").read_bytes()
    again = recipe(exp, *options, "--stage", "6", "--versus", f"{exp}/data/dev/text")
    assert again.returncode == 0, again.stderr
    assert "stage 5" not in again.stdout
    scores = finished.stdout.partition("== stage 6: scores\n")[2]
    assert again.stdout.startswith(f"== stage 6: scores\n{scores}-- mono and {exp}/data/dev/text")
    assert (exp / "gmm/dnn.0/final.kws").read_bytes() == model


def test_hand_labels_are_targets_in_folders_of_their_own(
    done: tuple[Path, subprocess.CompletedProcess[str]], options: list[str]
) -> None:
    exp, _ = done
    by_hand = recipe(exp, *options, "--alignment", "hand", "--stage", "2", "--stop-stage", "2")
    assert by_hand.returncode == 0, by_hand.stderr
    phones = []
    for kind in ("gmm", "hand"):
        phone_of = load_phone_model(exp / kind / "mono" / "final.mdl").phone_of
        table = read_int_vectors(f"ark:{exp}/{kind}/mono/ali.train.ark")
        phones.append({utterance: phone_of[ids] for utterance, ids in table})
    assert phones[0].keys() == phones[1].keys()
    num_equal = sum(int((own == phones[1][name]).sum()) for name, own in phones[0].items())
    # the forced alignment is near the true times, and not the same; here 0.74
    assert 0.5 < num_equal / sum(map(len, phones[0].values())) < 1


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (["--stage", "two"], "--stage two: must be a whole number"),
        (["--alignment", "best"], "--alignment best: must be gmm or hand"),
        (["--realign", "2"], "--realign 2: must be 0 or 1"),
        (["--timit", "nowhere"], "nowhere: no such folder"),
        (["--timit", "/", "--data", "/"], "--timit and --data: give one of them"),
        (["--dnn", "conf/none.config"], "conf/none.config: no such file (relative to"),
        (["--versus", "none"], "--versus none: no such file"),
        (["--speed"], "unknown option --speed"),
        (["--exp"], "--exp needs a value"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, mistake: list[str], message: str
) -> None:
    failed = recipe(tmp_path / "exp", *mistake)
    assert failed.returncode == 2
    assert message in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
