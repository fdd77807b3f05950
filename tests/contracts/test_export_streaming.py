"""An exported file gives the spotter's numbers, wherever the stream is cut."""

from __future__ import annotations

import numpy as np
import pytest
from exported_chain import ExportedChain, Tracks, make_sound, make_spotter, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.export import OPSETS, spotter_model

TOLERANCE = 1e-4  # of the issue; the float32 sums in another order differ by about 1e-6
FEATURES = {
    "plain": "--num-mel-bins=8\n",
    "global cmvn": "--num-mel-bins=8\n--cmvn=global\n--norm-vars=true\n",
    "global cmvn, mean only": "--num-mel-bins=8\n--cmvn=global\n",
    "8 kHz": "--num-mel-bins=7\n--sample-frequency=8000\n",
    "44.1 kHz, frames of 1102 samples": "--num-mel-bins=6\n--sample-frequency=44100\n",
    "deltas": "--num-mel-bins=6\n--delta-order=2\n--cmvn=global\n",
    "energy": "--num-mel-bins=6\n--use-energy=true\n",
    "energy behind, floored": "--num-mel-bins=6\n--use-energy=true\n--htk-compat=true\n"
    "--energy-floor=1000\n--raw-energy=false\n",
    "mfcc": "--feature-type=mfcc\n--cmvn=global\n",
    "mfcc without energy, HTK's order": "--feature-type=mfcc\n--num-mel-bins=10\n--num-ceps=6\n"
    "--use-energy=false\n--htk-compat=true\n--cepstral-lifter=0\n--delta-order=1\n",
    "magnitude": "--num-mel-bins=6\n--use-power=false\n",
    "no logarithm": "--num-mel-bins=6\n--use-log-fbank=false\n--cmvn=global\n--norm-vars=true\n",
    "hamming, DC kept": "--num-mel-bins=6\n--window-type=hamming\n--remove-dc-offset=false\n",
    "no pre-emphasis": "--num-mel-bins=6\n--preemphasis-coefficient=0\n",
    "400-point transform": "--num-mel-bins=6\n--round-to-power-of-two=false\n",
    "warped": "--num-mel-bins=6\n--vtln-warp=0.9\n",
    "frames that touch": "--num-mel-bins=6\n--frame-length=20\n--frame-shift=20\n",
    "frames at odd distances": "--num-mel-bins=6\n--frame-length=22.5\n--frame-shift=7.3\n",
}
BARE = """AffineComponent input-dim={dim} output-dim=4 param-stddev=0.1 bias-stddev=0.3
SoftmaxComponent dim=4
"""
LATE = """AffineComponent input-dim={dim} output-dim=5 param-stddev=0.1 bias-stddev=0.3
SigmoidComponent dim=5
SpliceComponent input-dim=5 left-context=0 right-context=6
AffineComponent input-dim=35 output-dim=4 param-stddev=0.3 bias-stddev=0.3
SoftmaxComponent dim=4
"""
NO_AFFINE_FIRST = """SpliceComponent input-dim={dim} context=-1:0:1 const-component-dim=2
TanhComponent dim=20
AffineComponent input-dim=20 output-dim=4 param-stddev=0.5 bias-stddev=0.3
SoftmaxComponent dim=4
"""


def check(found: Tracks, expected: Tracks) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=TOLERANCE)


def random_sizes(num_samples: int, shift: int, seed: int) -> list[int]:
    """Sizes of chunks, among them 0, 1 and whole numbers of frames."""
    random = np.random.default_rng(seed)
    choices = [0, 1, shift - 1, shift, shift, shift, 2 * shift, 3 * shift, 8 * shift]
    sizes: list[int] = []
    while sum(sizes) < num_samples:
        sizes.append(int(random.choice([*choices, random.integers(0, 4000)])))
    return sizes


@pytest.mark.parametrize("features", FEATURES)
def test_any_features_in_any_chunks(features: str) -> None:
    spotter = make_spotter(FEATURES[features])
    chain = ExportedChain(spotter_model(spotter))
    raw = spotter.options.raw
    samples = make_sound(2.3, spotter.sample_rate)
    expected = whole(spotter, samples)
    check(chain.run(samples[None], []), expected)
    for seed in (1, 2):
        sizes = random_sizes(len(samples), raw.window_shift, seed)
        check(chain.run(samples[None], sizes, flush_alone=seed == 2), expected)
    aligned = [raw.window_length, *[raw.window_shift] * 80, *[8 * raw.window_shift] * 99]
    check(chain.run(samples[None], aligned), expected)


@pytest.mark.parametrize("confidence", ["chen", "ordered"])
@pytest.mark.parametrize(("w_smooth", "w_max"), [(1, 1), (1, 30), (2, 2), (7, 1), (30, 100)])
def test_any_windows(confidence: str, w_smooth: int, w_max: int) -> None:
    spotter = make_spotter(confidence=confidence, w_smooth=w_smooth, w_max=w_max)
    chain = ExportedChain(spotter_model(spotter))
    samples = make_sound(2.6)
    expected = whole(spotter, samples)
    check(chain.run(samples[None], random_sizes(len(samples), 160, 1)), expected)
    check(chain.run(samples[None], [400, *[160] * 150, *[1280] * 9]), expected)


@pytest.mark.parametrize("network", [BARE, LATE, NO_AFFINE_FIRST], ids=["bare", "late", "const"])
def test_any_context(network: str) -> None:
    spotter = make_spotter("--num-mel-bins=8\n--cmvn=global\n", network)
    chain = ExportedChain(spotter_model(spotter))
    samples = make_sound(2.0)
    expected = whole(spotter, samples)
    check(chain.run(samples[None], random_sizes(len(samples), 160, 3)), expected)
    check(chain.run(samples[None], [400, *[160] * 100, *[1280] * 9]), expected)


SPOTTER = make_spotter()
MODEL = spotter_model(SPOTTER)
CHAIN = ExportedChain(MODEL)
SOUND = make_sound(1.2, seed=4)
EXPECTED = whole(SPOTTER, SOUND)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_any_cut_of_the_stream(sizes: list[int], flush_alone: bool) -> None:
    check(CHAIN.run(SOUND[None], sizes, flush_alone), EXPECTED)


@pytest.mark.parametrize("num_samples", [0, 1, 399, 400, 401, 559, 560, 1200, 2000])
def test_short_streams(num_samples: int) -> None:
    samples = SOUND[:num_samples]
    expected = whole(SPOTTER, samples)
    for sizes in ([], [0, 0], [num_samples], [num_samples // 2], [160] * 20):
        check(CHAIN.run(samples[None], sizes), expected)


def test_a_flush_may_come_with_any_samples() -> None:
    state = CHAIN.init_state()
    first, state = CHAIN.step(SOUND[None, :9000], state)
    for num_samples in (0, 1, 160, 1280, 5000):
        last, _ = CHAIN.step(SOUND[None, 9000 : 9000 + num_samples], state, flush=True)
        found = Tracks(*(np.concatenate(x, axis=1) for x in zip(first, last, strict=True)))
        check(found, whole(SPOTTER, SOUND[: 9000 + num_samples]))


def test_streams_of_a_batch_do_not_hear_one_another() -> None:
    sounds = np.stack([make_sound(1.5, seed=seed) for seed in range(5)])
    for sizes in ([], [0, 1000, 77], [400, *[160] * 60, *[480] * 20]):
        found = CHAIN.run(sounds, sizes)
        for index, sound in enumerate(sounds):
            alone = Tracks(*(track[index : index + 1] for track in found))
            check(alone, whole(SPOTTER, sound))


def test_streams_that_have_settled_may_be_of_different_age() -> None:
    settled = next(int(e.value) for e in MODEL.metadata_props if e.key == "settled_frames")
    sounds = [make_sound(2.0, seed=seed) for seed in range(3)]
    begun = [400 + (settled - 1 + 20 * index) * 160 for index in range(3)]
    firsts = [
        CHAIN.step(s[None, :b], CHAIN.init_state()) for s, b in zip(sounds, begun, strict=True)
    ]
    chunks = np.stack([s[b : b + 3200] for s, b in zip(sounds, begun, strict=True)])
    together, _ = CHAIN.step(chunks, np.concatenate([state for _, state in firsts]))
    for index, (first, _) in enumerate(firsts):
        rest = (track[index : index + 1] for track in together)
        found = Tracks(*(np.concatenate(x, axis=1) for x in zip(first, rest, strict=True)))
        expected = whole(SPOTTER, sounds[index])
        check(found, Tracks(*(track[:, : found[0].shape[1]] for track in expected)))


def test_the_state_is_all_that_is_remembered() -> None:
    once = CHAIN.run(SOUND[None], [400, *[160] * 30])
    CHAIN.run(SOUND[None, ::-1].copy(), [1000] * 5)
    again = CHAIN.run(SOUND[None], [400, *[160] * 30])
    for ours, theirs in zip(again, once, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_silence_and_full_scale_are_finite() -> None:
    square = np.where(np.arange(16000) // 40 % 2, 32767.0, -32768.0).astype(np.float32)
    for samples in (np.zeros(16000, np.float32), square):
        check(CHAIN.run(samples[None], [400, *[160] * 50]), whole(SPOTTER, samples))


@pytest.mark.parametrize("opset", OPSETS)
def test_every_version_of_the_operators(opset: int) -> None:
    model = spotter_model(SPOTTER, opset=opset)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", opset)]
    check(ExportedChain(model).run(SOUND[None], [400, *[160] * 40, 1280, 77]), EXPECTED)
