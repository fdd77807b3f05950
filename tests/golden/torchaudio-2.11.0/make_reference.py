"""Makes reference.npz: what torchaudio's compliance.kaldi and functional.resample give.

pip install ".[torchaudio]" && python make_reference.py
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchaudio
import torchaudio.compliance.kaldi

# options by the names that kws and torchaudio share
FBANK: list[dict[str, Any]] = [
    {},
    {"num_mel_bins": 40, "use_energy": True},
    {"snip_edges": False, "window_type": "hamming", "num_mel_bins": 36},
    {"preemphasis_coefficient": 0.0, "remove_dc_offset": False, "low_freq": 60.0},
    {"high_freq": -400.0, "use_energy": True, "raw_energy": False, "htk_compat": True},
    {"sample_frequency": 8000.0, "frame_length": 32.0, "frame_shift": 12.5},
    {"use_power": False, "window_type": "hanning"},
    {"window_type": "blackman", "round_to_power_of_two": False, "energy_floor": 1.0},
    {"vtln_warp": 1.1},
]
MFCC: list[dict[str, Any]] = [
    {},
    {"use_energy": False},
    {"use_energy": False, "htk_compat": True},
    {"htk_compat": True, "raw_energy": False, "energy_floor": 2e8},
    {"num_ceps": 30, "num_mel_bins": 30, "low_freq": 30.0, "high_freq": -300.0},
    {"num_ceps": 11, "num_mel_bins": 20, "cepstral_lifter": 15.0},
    {"cepstral_lifter": 0.0, "window_type": "hamming", "snip_edges": False},
    {"sample_frequency": 8000.0, "frame_length": 32.0, "frame_shift": 12.5},
]
RATES = [(16000, 8000), (8000, 16000), (44100, 16000), (11025, 16000)]
# Kaldi's defaults where torchaudio has others
FBANK_DEFAULTS = {"dither": 0.0, "energy_floor": 0.0}
MFCC_DEFAULTS = {**FBANK_DEFAULTS, "use_energy": True}


def inputs() -> dict[str, np.ndarray]:
    """Coloured noise with a slow envelope and a DC offset, and white noise: int16, (N, S)."""
    random = np.random.default_rng(0)
    coloured = np.convolve(random.standard_normal(5007), np.ones(8), mode="valid")
    speech = 500 * (1 + np.sin(np.arange(5000) / 3000)) * coloured + 40
    noise = 1000 * random.standard_normal((2, 1000))
    return {
        "speech": speech.round().astype(np.int16)[None],
        "noise": noise.round().astype(np.int16),
    }


def outputs(speech: np.ndarray, noise: np.ndarray) -> dict[str, np.ndarray]:
    """torchaudio's, float32, by the name of the function and its options in JSON."""
    kaldi = torchaudio.compliance.kaldi
    samples = torch.from_numpy(speech).float()
    made = {}
    for options in FBANK:
        made[f"fbank {json.dumps(options)}"] = kaldi.fbank(samples, **{**FBANK_DEFAULTS, **options})
    for options in MFCC:
        made[f"mfcc {json.dumps(options)}"] = kaldi.mfcc(samples, **{**MFCC_DEFAULTS, **options})
    double = torch.from_numpy(noise).double()  # of floats it takes phases of float32
    for rates in RATES:
        made[f"resample {json.dumps(rates)}"] = torchaudio.functional.resample(
            double, *rates, lowpass_filter_width=6, rolloff=0.99
        )
    return {name: values.float().numpy() for name, values in made.items()}


def main() -> None:
    given = inputs()
    versions = [f"{name} {version(name).partition('+')[0]}" for name in ("torch", "torchaudio")]
    target = Path(__file__).with_name("reference.npz")
    np.savez_compressed(target, versions=versions, **given, **outputs(**given))


if __name__ == "__main__":
    main()
