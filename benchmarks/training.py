"""Training speed: frames per second of `kws.training.trainer.train`, examples included.

The real Kaldi's nnet-train-simple does 49,000 frames/s on one thread with the first network.

Usage: python benchmarks/training.py [--seconds-of-audio 1200] [--nj 1]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from kws.config import parse_config
from kws.data import DataDir, Utterance, Word
from kws.data.augmentation import Augmenter
from kws.data.draws import generator_of
from kws.data.recordings import recordings_of
from kws.features import parse_feature_options
from kws.hmm import units_of
from kws.nnet import Nnet
from kws.training.keyword_task import KeywordTask
from kws.training.options import parse_train_options
from kws.training.trainer import Progress, train
from kws.training.training_set import TrainingSet, compute_stats, marks_of

RATE = 16000
UTTERANCE_S = 3
HIDDEN = """AffineComponent input-dim={0} output-dim=128 bias-stddev=0
RectifiedLinearComponent dim=128
AffineComponent input-dim=128 output-dim=128 bias-stddev=0
RectifiedLinearComponent dim=128
AffineComponent input-dim=128 output-dim=128 bias-stddev=0
RectifiedLinearComponent dim=128
AffineComponent input-dim=128 output-dim={1} bias-stddev=0
SoftmaxComponent dim={1}
"""
NETWORKS = {
    "Kaldi's 440-3x128-144": (
        "SpliceComponent input-dim=40 left-context=5 right-context=5\n" + HIDDEN.format(440, 144),
        144,
    ),
    "deep_kws 1640-3x128-4": (
        "SpliceComponent input-dim=40 left-context=30 right-context=10\n" + HIDDEN.format(1640, 4),
        4,
    ),
}


def make_task(
    network: str, num_units: int, chunk_frames: int, augment: bool, num_s: int
) -> KeywordTask:
    """A training on noise with made-up words; every frame has a label.

    Args:
        network: its config.
        num_units: its outputs.
        chunk_frames: per chunk; 128 frames make a minibatch.
        augment: change every utterance at random.
        num_s: seconds of audio.
    """
    generator = np.random.default_rng(0)
    inventory = units_of([f"w{i}" for i in range(1, num_units)])
    ids = [f"u{i}" for i in range(num_s // UTTERANCE_S)]
    audio = [(generator.standard_normal(UTTERANCE_S * RATE) * 1000).astype(np.int16) for _ in ids]
    words = [
        [Word(u, 0.5 * i, 0.5 * i + 0.5, f"w{generator.integers(1, num_units)}") for i in range(6)]
        for u in ids
    ]
    recordings = recordings_of(ids, audio, RATE)
    utterances = tuple(Utterance(u, u, "<unk>", "") for u in ids)
    data = TrainingSet(
        (DataDir(Path(), utterances, {}),),
        recordings,
        tuple(marks_of("<unk>", of_utterance, inventory) for of_utterance in words),
    )
    text = (
        f"--chunk-frames={chunk_frames}\n--chunks-per-minibatch={128 // chunk_frames}\n"
        "--num-epochs=2\n--optimizer=sgd\n--positive-share=0\n"
    )
    options = parse_train_options(text, "benchmark")
    features = parse_feature_options("--num-mel-bins=40\n--cmvn=global\n--norm-vars=true", "b")
    return KeywordTask(
        options=options,
        features=features,
        stats=compute_stats(recordings.subset(range(min(20, len(ids)))), features),
        nnet=Nnet.from_lines(parse_config(network, "benchmark"), generator_of(0)),
        inventory=inventory,
        train=data,
        dev=None,
        augmenter=Augmenter(options.augment, audio[:5], [audio[0][:4000]], RATE)
        if augment
        else None,
        settings={},
        card={},
        network_source="benchmark",
    )


def frames_per_s(task: KeywordTask, nj: int) -> float:
    """Of the second epoch: the workers have started."""
    told: list[Progress] = []
    with tempfile.TemporaryDirectory() as directory:
        train(task, Path(directory), num_workers=nj, on_progress=told.append)
    return told[-1].frames_per_s


def main(
    seconds_of_audio: Annotated[int, typer.Option(help="Audio of one epoch.")] = 1200,
    nj: Annotated[int, typer.Option(help="Processes that prepare examples.")] = 1,
) -> None:
    """Print the frames per second of each network, with and without augmentation."""
    for name, (network, num_units) in NETWORKS.items():
        for augment in (False, True):
            for chunk_frames in (1, 16):
                task = make_task(network, num_units, chunk_frames, augment, seconds_of_audio)
                rate = frames_per_s(task, nj)
                how = "augmented" if augment else "as it is"
                print(f"{name:24} {how:10} chunks of {chunk_frames:2}: {rate:9,.0f} frames/s")


if __name__ == "__main__":
    typer.run(main)
