"""How many times faster than real time 40 log mel energies are computed, on one core.

    python benchmarks/fbank.py

The programs take turns in one process and their processor time counts, so that a busy machine slows
all of them alike; printed are the median and the best of the rounds. The audio is the synthetic
speech of tests/golden, repeated to a minute. torchaudio takes part where it can be imported:
`pip install ".[torchaudio]"` brings it with the one torch that it fits.
"""

from __future__ import annotations

import functools
import importlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import kaldi_native_fbank
import numpy as np
import torch
import typer

from kws.audio import read_audio
from kws.features import Fbank, FbankOptions, FeaturePipeline, parse_feature_options

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "wav"
NAMES = ("spk1-hello", "spk1-computer", "spk2-hello", "spk2-lights", "spk3-computer")
SECONDS = 60
OPTIONS = parse_feature_options("--num-mel-bins=40\n--delta-order=2", "benchmark")


def speech() -> torch.Tensor:
    """A minute of speech at 16 kHz: (1, S)."""
    waves = np.concatenate([read_audio(GOLDEN / f"{name}.wav").samples for name in NAMES])
    return torch.from_numpy(np.resize(waves, SECONDS * 16000))[None]


def stream(fbank: Fbank, samples: torch.Tensor) -> None:
    state = fbank.init_state()
    for chunk in torch.split(samples, 1600, dim=1):
        _, state = fbank.step(chunk, state)
    fbank.flush(state)


def native(samples: list[float]) -> None:
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 40
    computer = kaldi_native_fbank.OnlineFbank(options)
    computer.accept_waveform(16000, samples)
    computer.input_finished()


def torchaudio_fbank() -> dict[str, Callable[..., object]]:
    """torchaudio's by its name in the table; nothing, and why, where it does not load."""
    name = "torchaudio.compliance.kaldi"
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: its libraries were built for another torch
        print(f"without {name}: {error}")
        return {}
    return {name: functools.partial(module.fbank, num_mel_bins=40, dither=0.0)}


def programs(samples: torch.Tensor) -> dict[str, Callable[[], object]]:
    """What is measured; each computes the features of the same minute."""
    fbank, pipeline = Fbank(FbankOptions(num_mel_bins=40)), FeaturePipeline(OPTIONS)
    seconds = samples.view(SECONDS, -1)
    warps = 0.85 + 0.3 * torch.rand(SECONDS, generator=torch.Generator().manual_seed(1))
    theirs = {
        name: functools.partial(compute, samples) for name, compute in torchaudio_fbank().items()
    }
    return {
        "kws, whole": lambda: fbank(samples),
        "kws, 60 x 1 s": lambda: fbank(seconds),
        "kws, 60 x 1 s, each its own warp": lambda: fbank(seconds, vtln_warp=warps),
        "kws, whole, 2 deltas": lambda: pipeline(samples),
        "kws, stream in 0.1 s": lambda: stream(fbank, samples),
        **theirs,
        "kaldi-native-fbank": functools.partial(native, samples[0].tolist()),
    }


def main(rounds: Annotated[int, typer.Option(help="Times that each takes its turn.")] = 15) -> None:
    """Measure and print a table."""
    torch.set_num_threads(1)
    times: dict[str, list[float]] = {}
    with torch.inference_mode():
        measured = programs(speech())
        for _ in range(rounds):
            for name, program in measured.items():
                program()  # brings its data back into the cache
                start = time.process_time()
                program()
                times.setdefault(name, []).append(time.process_time() - start)
    median = {name: SECONDS / statistics.median(taken) for name, taken in times.items()}
    reference = median["kws, whole"]
    load = os.getloadavg()[0]
    print(f"40 mel bins, one thread, {rounds} rounds, load of the machine {load:.1f}")
    print(f"{'':34} {'x real time':>12} {'best':>8} {'kws faster by':>14}")
    for name, speed in median.items():
        best = SECONDS / min(times[name])
        print(f"{name:34} {speed:12.0f} {best:8.0f} {reference / speed:14.2f}")


if __name__ == "__main__":
    typer.run(main)
