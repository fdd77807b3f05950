"""`kws posteriors` from archive to archive, in processor time: utterances of several lengths.

    python benchmarks/posteriors.py [MODEL ...]

MODEL is any that the command takes, such as a `.raw` of Kaldi; without one, the first networks of
tests/golden. Printed is times real time (100 frames per second) on one thread: of the whole command
without start-up, and of the network alone with each utterance by itself.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from kws.cli.main import run
from kws.kaldi import read_matrices, write_matrices
from kws.kaldi.conversion import read_any_model
from kws.nnet import Nnet, compute_in_blocks

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
MODELS = [
    GOLDEN / "nnet2" / "dnn.raw",
    GOLDEN / "mdl" / "dnn-1.mdl",
    GOLDEN / "nnet2" / "convnet.raw",
]
LENGTHS = (50, 100, 300, 1000, 10_000)
ROUNDS = 3


def write_features(path: Path, length: int, dim: int, num_frames: int) -> None:
    """An archive of so many frames, `length` in each utterance."""
    random = np.random.default_rng(0)
    with write_matrices(f"ark:{path}") as writer:
        for number in range(num_frames // length):
            frames = random.standard_normal((length, dim), dtype=np.float32)
            writer.write(f"u{number:05d}", frames)


def fastest(work: Callable[[], object]) -> float:
    """Processor seconds of the fastest of several rounds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure(model: Path, length: int, folder: Path, num_frames: int) -> tuple[float, float]:
    """Times real time of the command, and of utterances by themselves."""
    file = read_any_model(model)
    nnet = Nnet.from_tensors(file.network, str(model), file.tensors)
    source = folder / f"{length}.ark"
    write_features(source, length, nnet.input_dim, num_frames)
    words = ["posteriors", str(model), f"ark:{source}", f"ark:{folder / 'out.ark'}"]
    whole = fastest(lambda: run(words))
    utterances = [torch.tensor(matrix)[None] for _, matrix in read_matrices(f"ark:{source}")]
    alone = fastest(lambda: [compute_in_blocks(nnet, features) for features in utterances])
    return num_frames / 100 / whole, num_frames / 100 / alone


def main(
    models: Annotated[
        list[Path] | None, typer.Argument(metavar="MODEL", help="As of `kws posteriors`.")
    ] = None,
    frames: Annotated[int, typer.Option(min=max(LENGTHS), help="Of all utterances.")] = 200_000,
) -> None:
    torch.set_num_threads(1)
    print(f"{'network':24s} {'frames':>7s} {'the command':>12s} {'one by one':>12s}")
    for model in models or MODELS:
        for length in LENGTHS:
            with tempfile.TemporaryDirectory() as folder:
                whole, alone = measure(model, length, Path(folder), frames)
            print(f"{model.name:24s} {length:7d} {whole:12.0f} {alone:12.0f}")


if __name__ == "__main__":
    typer.run(main)
