"""Chunks of known size, taken as a whole, against the confidence of the whole recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from kws.export import export_spotter
from kws.export.ordered_chunk import MOST_UNITS
from kws.features import parse_feature_options
from kws.nnet import Nnet
from kws.runtime import Detector
from kws.runtime.steady import LEAST_KNOWN, MOST_FRAMES, ONLY_KNOWN
from kws.spotter import Spotter

SHIFT = 160
NETWORK = """SpliceComponent input-dim=6 left-context=3 right-context=2
NormalizeComponent dim=36
AffineComponent input-dim=36 output-dim={outputs} param-stddev=0.5 bias-stddev=0
SoftmaxComponent dim={outputs}
"""


def make_spotter(keywords: Sequence[Sequence[int]], num_outputs: int, w_max: int) -> Spotter:
    """A spotter of random weights for keywords of these units."""
    options = parse_feature_options("--num-mel-bins=6\n", "fbank.conf")
    network = NETWORK.format(outputs=num_outputs)
    nnet = Nnet.from_config(network, "nnet.config", torch.Generator().manual_seed(5))
    metadata = {
        "units": ["<filler>", *(f"u{i}" for i in range(1, num_outputs))],
        "keywords": [{"name": f"k{i}", "units": list(u)} for i, u in enumerate(keywords)],
        "posterior": {"w_smooth": 3, "w_max": w_max, "confidence": "ordered"},
        "card": {},
    }
    return Spotter.from_parts(options, None, nnet, metadata)


def make_sound(num_frames: int) -> np.ndarray:
    """Tones of 50 ms in noise, of as many frames: (S,) int16."""
    random = np.random.default_rng(8)
    frequencies = np.repeat(random.uniform(100, 7000, num_frames // 5), 5 * SHIFT)
    samples = 3000 * np.sin(2 * np.pi * np.cumsum(frequencies) / 16000)
    samples += random.normal(0, 10, len(samples))
    return np.concatenate((samples, samples[: 400 - SHIFT])).astype(np.int16)


@pytest.mark.parametrize(
    ("keywords", "num_outputs"),
    [
        ([[1, 2, 3], [4, 5, 6]], 7),  # each output once: the columns are the outputs
        ([[2, 1], [3], [1, 2, 3, 1, 2, 3]], 4),  # of several lengths, sharing units
        ([[1]], 2),
        ([[1, 1], [1, 1, 1]], 3),  # a unit that follows itself
    ],
)
@pytest.mark.parametrize(
    ("num_frames", "w_max"),
    [(LEAST_KNOWN, LEAST_KNOWN + 1), (8, 9), (8, 100), (MOST_FRAMES, 33), (MOST_FRAMES, 60)],
)
def test_chunks_of_one_size(keywords, num_outputs, num_frames, w_max, tmp_path: Path) -> None:
    spotter = make_spotter(keywords, num_outputs, w_max)
    path = tmp_path / "model.onnx"
    export_spotter(spotter, path)
    assert path.read_bytes().count(ONLY_KNOWN.encode() + b"\x4a\x01\x00") == 1
    sound = make_sound(400)
    detector = Detector(path, thresholds=1.0)
    tracks = []
    for start in range(0, len(sound), num_frames * SHIFT):
        detector.process(sound[start : start + num_frames * SHIFT])
        tracks.append(detector.confidences)
    detector.flush()
    tracks.append(detector.confidences)
    expected, _ = spotter.score_track(sound.astype(np.float32))
    assert np.ptp(expected, axis=0).max() > 0.1
    # from the features on in float32
    np.testing.assert_allclose(np.concatenate(tracks), expected, rtol=0, atol=2e-5)


def test_long_keywords_are_taken_frame_after_frame(tmp_path: Path) -> None:
    units = list(range(1, MOST_UNITS + 2))
    path = tmp_path / "model.onnx"
    export_spotter(make_spotter([units], len(units) + 1, 30), path)
    assert ONLY_KNOWN.encode() not in path.read_bytes()
    export_spotter(make_spotter([units[1:]], len(units) + 1, 30), path)
    assert ONLY_KNOWN.encode() in path.read_bytes()


def test_many_keywords_do_not_blow_up_the_file(tmp_path: Path) -> None:
    units = np.arange(1, 73)
    many, few = make_spotter(units.reshape(24, 3).tolist(), 73, 30), make_spotter([[1]], 73, 30)
    path, small = tmp_path / "many.onnx", tmp_path / "few.onnx"
    export_spotter(many, path)
    export_spotter(few, small)
    assert ONLY_KNOWN.encode() not in path.read_bytes()
    # a table (W, W) in each of the chains, and none that grows faster
    assert path.stat().st_size - small.stat().st_size < 8 * 4 * 73**2
    sound = make_sound(100)
    chunks = np.split(sound, [*range(0, 7000, 8 * SHIFT), *range(8000, len(sound), SHIFT)])
    detector = Detector(path, thresholds=1.0)
    tracks = []
    for chunk in chunks:
        detector.process(chunk)
        tracks.append(detector.confidences)
    detector.flush()
    expected, _ = many.score_track(sound.astype(np.float32))
    found = np.concatenate([*tracks, detector.confidences])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
