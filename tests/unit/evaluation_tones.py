"""A spotter that hears two tones, and data dirs of tones: evaluations that can be counted by hand.

The keyword "low" is a tone of 500 Hz, "high tone" one of 2500 Hz; the louder, the higher the
confidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kws.audio import write_audio
from kws.data import Utterance, Word, write_data_dir
from kws.features import FeatureOptions, FeaturePipeline, parse_feature_options
from kws.nnet import Nnet
from kws.spotter import Spotter

RATE = 16000
FREQUENCIES = {"low": 500.0, "high tone": 2500.0}
LOUD, MIDDLE, SOFT, FAINT = 8000.0, 2000.0, 1000.0, 500.0  # confidences near 0.98, 0.8, 0.5, 0.2
NUM_BINS = 20
Tone = tuple[float, str, float]  # start in seconds, keyword, amplitude; half a second long


def tones(duration_s: float, *heard: Tone) -> np.ndarray:
    """(S,) faint noise with tones in it."""
    samples = np.random.default_rng(0).standard_normal(round(duration_s * RATE)) * 2
    times = np.arange(RATE // 2) / RATE
    for start_s, keyword, amplitude in heard:
        begin = round(start_s * RATE)
        tone = amplitude * np.sin(2 * np.pi * FREQUENCIES[keyword] * times)
        samples[begin : begin + len(tone)] += tone * np.hanning(len(tone)) ** 0.2
    return samples.astype(np.float32)


def tone_spotter(thresholds: Mapping[str, float] | None = None) -> Spotter:
    """Logistic regression on the log energy of the mel bin that a tone is in."""
    options = parse_feature_options(f"--num-mel-bins={NUM_BINS}\n", "tones.conf")
    nnet = Nnet.from_config(
        f"AffineComponent input-dim={NUM_BINS} output-dim=3\nSoftmaxComponent dim=3\n",
        "tones.config",
        torch.Generator().manual_seed(0),
    )
    centres = torch.tensor([loudest_bin(frequency, options) for frequency in FREQUENCIES.values()])
    weight, bias = dict(nnet.named_parameters()).values()
    with torch.no_grad():
        weight.zero_()
        weight[torch.tensor([1, 2]), centres] = 1.0
        bias.copy_(torch.tensor([0.0, -20.07, -23.05]))
    metadata: dict[str, Any] = {
        "units": ["<filler>", "low", "high tone"],
        "keywords": [{"name": "low", "units": [1]}, {"name": "high tone", "units": [2]}],
        "posterior": {"w_smooth": 5, "w_max": 30, "confidence": "chen"},
        "refractory_s": 0.5,
        "thresholds": {k: {"threshold": v} for k, v in (thresholds or {}).items()},
        "card": {"licence": "none"},
    }
    return Spotter.from_parts(options, None, nnet, metadata)


def loudest_bin(frequency: float, options: FeatureOptions) -> int:
    """The mel bin in which a tone is loudest."""
    tone = 1000 * np.sin(2 * np.pi * frequency * np.arange(RATE // 4) / RATE)
    features = FeaturePipeline(options, None)(torch.from_numpy(tone.astype(np.float32))[None])
    return int(features[0].mean(dim=0).argmax())


def data_dir(
    path: Path,
    utterances: Mapping[str, tuple[float, Sequence[Tone], str]],
    words: Sequence[Word] = (),
) -> Path:
    """Write a data dir.

    Args:
        path: the directory.
        utterances: by id: the duration in seconds, the tones and the transcript.
        words: word times.
    """
    table = []
    for name, (duration_s, heard, text) in utterances.items():
        audio = path / f"{name}.flac"
        write_audio(audio, tones(duration_s, *heard), RATE)
        table.append(Utterance(name, name, text, str(audio)))
    write_data_dir(path, table, ctm=words)
    return path
