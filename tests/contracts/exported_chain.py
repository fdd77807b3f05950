"""Spotters to export, and what an exported file gives when it is fed in chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import torch

from kws.features import CmvnStats, FeaturePipeline, parse_feature_options
from kws.inference import onnxruntime
from kws.nnet import Nnet
from kws.spotter import Spotter

Array = npt.NDArray[np.float32]
KEYWORDS = [
    {"name": "two units", "units": [1, 2]},
    {"name": "four units", "units": [3, 1, 3, 2]},
    {"name": "one unit", "units": [3]},
]
NETWORK = """SpliceComponent input-dim={dim} context=-2:0:1
AffineComponent input-dim={spliced} output-dim=12 param-stddev=0.1 bias-stddev=0.3
RectifiedLinearComponent dim=12
NormalizeComponent dim=12
SpliceComponent input-dim=12 context=-7:-3:0:4
AffineComponent input-dim=48 output-dim=4 param-stddev=0.3 bias-stddev=0.3
SoftmaxComponent dim=4
"""


class Tracks(NamedTuple):
    """What a chain gives for N streams, (N, T, columns) each."""

    confidences: Array
    smoothed: Array
    posteriors: Array


def make_sound(duration_s: float, sample_rate: int = 16000, seed: int = 0) -> Array:
    """Noise and a gliding tone whose levels change a few times per second, (S,)."""
    times = np.arange(round(duration_s * sample_rate)) / sample_rate
    level = np.exp(3 * np.sin(2 * np.pi * 0.7 * times + seed) + 2 * np.sin(12 * times))
    tone = np.sin(2 * np.pi * 900 * times * (1 + 0.3 * np.sin(2 * np.pi * 0.31 * times)))
    noise = np.random.default_rng(seed).standard_normal(len(times))
    sound: Array = (level * (20 * noise + 50 * tone)).astype(np.float32)
    return sound


def make_spotter(
    features: str = "--num-mel-bins=8\n",
    network: str = NETWORK,
    confidence: str = "ordered",
    w_smooth: int = 10,
    w_max: int = 40,
) -> Spotter:
    """A spotter with random weights; cmvn=global takes its statistics from a sound."""
    options = parse_feature_options(features, "fbank.conf")
    stats = None
    if options.cmvn.cmvn == "global":
        plain = parse_feature_options(features.replace("--cmvn=global\n", ""), "fbank.conf")
        sound = torch.from_numpy(make_sound(4, options.sample_rate))
        stats = CmvnStats.zero(plain.dim).accumulate(FeaturePipeline(plain)(sound[None]))
    text = network.format(dim=options.dim, spliced=3 * options.dim)
    nnet = Nnet.from_config(text, "nnet.config", torch.Generator().manual_seed(2))
    metadata = {
        "units": ["<filler>", "a", "b", "c"],
        "keywords": KEYWORDS,
        "posterior": {"w_smooth": w_smooth, "w_max": w_max, "confidence": confidence},
        "refractory_s": 0.3,
        "thresholds": {keyword["name"]: {"threshold": 0.5} for keyword in KEYWORDS},
        "card": {"seed": 7},
    }
    return Spotter.from_parts(options, stats, nnet, metadata)


def whole(spotter: Spotter, samples: Array) -> Tracks:
    """What the spotter's stages give for one recording, all at once, to its end and no further."""
    with torch.no_grad():
        posteriors = spotter.posteriors(torch.from_numpy(samples)[None])
        smoothed = spotter.smoothing(posteriors)
        confidences = spotter.confidence(smoothed)
    return Tracks(confidences.numpy(), smoothed.numpy(), posteriors.numpy())


class ExportedChain:
    """An exported model in onnxruntime."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.state_size = int(model.graph.input[1].type.tensor_type.shape.dim[1].dim_value)

    def init_state(self, num_streams: int = 1) -> Array:
        return np.zeros((num_streams, self.state_size), np.float32)

    def step(self, samples: Array, state: Array, flush: bool = False) -> tuple[Tracks, Array]:
        """One call: samples (N, S), state (N, K)."""
        values = {"samples": samples, "state": state, "flush": np.array(flush)}
        *tracks, state = self.session.run(None, values)
        return Tracks(*tracks), state

    def run(self, samples: Array, sizes: Sequence[int], flush_alone: bool = False) -> Tracks:
        """Streams, (N, S), in chunks of the sizes given and what remains.

        Args:
            samples: at 16-bit scale.
            sizes: of the chunks.
            flush_alone: whether the stream ends with a call of its own, without samples.
        """
        cuts = np.minimum(np.cumsum(sizes, dtype=int), samples.shape[1])
        chunks = np.split(samples, cuts, axis=1)
        if flush_alone:
            chunks.append(samples[:, :0])
        state, parts = self.init_state(len(samples)), []
        for index, chunk in enumerate(chunks):
            tracks, state = self.step(chunk, state, flush=index == len(chunks) - 1)
            parts.append(tracks)
        return Tracks(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))
