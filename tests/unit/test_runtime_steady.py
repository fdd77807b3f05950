"""The steady chains of an exported file against the file itself."""

import functools
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from verification_models import SOUND, make_spotter

from kws.audio import recent_samples
from kws.errors import InputError
from kws.export import export_spotter
from kws.runtime import Detector, Model, Stream, process_batch
from kws.runtime.steady import (
    MOST_SIZES,
    ONLY_KNOWN,
    ONLY_ONE,
    ONLY_STEADY,
    SteadyCalls,
    SteadySessions,
    _false,
    has_steady_chains,
)

SHIFT = 160
CLOSE = {"rtol": 0, "atol": 1e-5}


@pytest.fixture(scope="module", params=["ordered", "chen"])
def exported(tmp_path_factory, request):
    path = tmp_path_factory.mktemp("steady") / "model.onnx"
    export_spotter(make_spotter(confidence=request.param), path)
    # a chain for chunks of known size, or none
    assert (ONLY_KNOWN.encode() in path.read_bytes()) == (request.param == "ordered")
    return path


def test_a_file_without_the_constants_has_no_steady_chains(exported):
    content = exported.read_bytes()
    assert has_steady_chains(content)
    for name in (ONLY_ONE, ONLY_STEADY):
        assert not has_steady_chains(content.replace(name.encode(), name.upper().encode()))


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(b"another")])
def test_without_the_file_there_is_the_general_chain(exported, tmp_path, change):
    path = tmp_path / "model.onnx"
    shutil.copy(exported, path)
    detector, other = Detector(path, thresholds=0.5), Detector(exported, thresholds=0.5)
    change(path)
    sound = SOUND.astype(np.int16)[: 3 * 16000]
    events, others = [], []
    for chunk in np.split(sound, range(SHIFT, len(sound), 2 * SHIFT)):
        events += detector.process(chunk)
        others += other.process(chunk)
        np.testing.assert_allclose(detector.confidences, other.confidences, **CLOSE)
    assert other._easy
    assert not detector._easy
    assert events == others


@pytest.mark.parametrize("num_frames", [1, 2, 8, 33])
def test_they_give_what_the_file_gives(exported, num_frames):
    detector = Detector(exported, thresholds=0.5)
    random = np.random.default_rng(3)
    samples = random.integers(-9000, 9000, 40 * num_frames * SHIFT + 32000).astype(np.int16)
    detector.process(samples[:32000])
    assert detector.is_settled
    state = detector.state.copy()
    for start in range(32000, len(samples), num_frames * SHIFT):
        chunk = samples[start : start + num_frames * SHIFT]
        taken = np.concatenate((detector._buffer.rest()[0], chunk))[: num_frames * SHIFT]
        expected = detector.model.run(taken[None].astype(np.float32), state)
        detector.process(chunk)
        # float32: weights that are not prepared are multiplied in another order
        np.testing.assert_allclose(detector.confidences, expected.confidences[0], **CLOSE)
        np.testing.assert_allclose(detector.smoothed, expected.smoothed[0], **CLOSE)
        np.testing.assert_allclose(detector.posteriors, expected.posteriors[0], **CLOSE)
        state = expected.next_state


def test_results_stay_when_many_sizes_have_come(exported):
    one, other = (Detector(exported, thresholds=0.5) for _ in range(2))
    sizes = [*range(1, MOST_SIZES + 4), 40, 3, 1] * 3
    samples = np.random.default_rng(4).normal(0, 0.2, (sum(sizes) + 200) * SHIFT)
    tracks = []
    for detector, order in ((one, sizes), (other, sizes[::-1])):
        detector.process(samples[: 200 * SHIFT])
        start, track = 200 * SHIFT, []
        for size in order:
            detector.process(samples[start : start + size * SHIFT])
            start += size * SHIFT
            track.append(detector.confidences)
        tracks.append(np.concatenate(track))
    # float32: a product of matrices depends on their height
    np.testing.assert_allclose(*tracks, **CLOSE)


@pytest.mark.parametrize("seed", range(6))
def test_calls_of_the_same_sizes_change_nothing(exported, seed):
    random = np.random.default_rng(seed)
    sound = np.tile(SOUND.astype(np.int16), 4)
    sizes = random.choice([0, 100, 5000, SHIFT, SHIFT, 2 * SHIFT, 8 * SHIFT], 40)
    repeats = random.integers(1, 30, len(sizes))
    cuts = np.cumsum(np.concatenate(([9000], np.repeat(sizes, repeats))))
    chunks = np.split(sound, cuts[cuts < len(sound)])
    model = Model.load(exported)
    easy, other = Stream(model), Stream(model)
    easy._most_heard = 4 * (recent_samples(16000) + 7 * SHIFT)
    num_easy, events, others = 0, [], []
    for chunk in chunks:
        num_easy += len(chunk) > 0 and chunk.shape in easy._easy
        # the same numbers of another type, for which nothing is made easy
        for stream, found, samples in ((easy, events, chunk), (other, others, chunk / 32768)):
            found += stream.process(samples)
        np.testing.assert_array_equal(easy.confidences, other.confidences)
        np.testing.assert_array_equal(easy.posteriors, other.posteriors)
    assert num_easy > 20
    assert events + easy.flush() == others + other.flush()
    assert len(events) > 3


def test_easy_calls_end_with_a_reset_and_with_a_batch(exported):
    sound = SOUND.astype(np.int16)
    model = Model.load(exported)
    chunks = np.split(sound, range(SHIFT, len(sound), SHIFT))
    new, stream = Stream(model), Stream(model)
    begun = iter(chunks)
    while not stream._easy:
        stream.process(next(begun))
    for _ in range(5):
        stream.process(next(begun))
    stream.reset()
    expected, found = [], []
    for i, chunk in enumerate(chunks):
        expected += new.process(chunk)
        found += process_batch([stream], [chunk])[0] if i % 50 > 40 else stream.process(chunk)
        # a batch multiplies with sessions of its own
        np.testing.assert_allclose(stream.confidences, new.confidences, **CLOSE)
    assert found == expected
    assert len(found) > 1


def test_a_chain_that_fails_is_told_in_one_line(exported, monkeypatch):
    def fail(self, call, state):
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : indices out of bounds.\n")

    monkeypatch.setattr(SteadyCalls, "run", fail)
    detector = Detector(exported, thresholds=0.5)
    detector.process(SOUND.astype(np.int16)[:32000])
    with pytest.raises(InputError, match=r"cannot run it \(indices out of bounds\); export the"):
        detector.process(SOUND.astype(np.int16)[32000 : 32000 + SHIFT])


class Loads:
    """In place of a file and onnxruntime: a session is what it was loaded for."""

    def __init__(self):
        self.sessions = []

    def read(self):
        return b"".join(_false(name) for name in (ONLY_STEADY, ONLY_KNOWN, ONLY_ONE))

    def load(self, content, dims):
        time.sleep(0.02)
        self.sessions.append((content.count(b"\x01\x01"), dims.get("S")))
        return self.sessions[-1]


def test_a_size_that_comes_between_two_steps_of_another_gets_no_session_of_it():
    loads = Loads()
    sessions = SteadySessions(loads.read, loads.load)
    sessions.know(8 * SHIFT)  # one thread
    sessions.know(4 * SHIFT)  # another one
    assert sessions.of_size(4 * SHIFT, True) == (2, 4 * SHIFT)
    assert sessions.of_size(8 * SHIFT, True) == (1, None)  # of any size
    assert sessions.has_sizes


@pytest.mark.parametrize("sizes", [[8], [2, 4, 8, 16]])
def test_threads_that_begin_together_load_each_session_once(sizes):
    loads = Loads()
    sessions = SteadySessions(loads.read, loads.load)
    together = threading.Barrier(8)

    def begin(i):
        num_samples = sizes[i % len(sizes)] * SHIFT
        together.wait()
        assert sessions.one == (3, None)
        sessions.know(num_samples)
        session = sessions.of_size(num_samples, True)
        assert session in ((2, num_samples), (1, None))
        return session

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(begin, range(8)))
    assert sorted(loads.sessions) == sorted(set(loads.sessions))
    assert (2, 8 * SHIFT) in found if sizes == [8] else (1, None) in found


def test_streams_in_threads_hear_what_they_hear_alone(exported):
    sound = SOUND.astype(np.int16)

    def hear(model, size):
        stream, track = Stream(model, 0.5), []
        for chunk in np.split(sound, range(size, len(sound), size)):
            stream.process(chunk)
            track.append(stream.confidences)
        return np.concatenate(track)

    sizes = [SHIFT, 2 * SHIFT, 8 * SHIFT, 16 * SHIFT]
    alone = [hear(Model.load(exported), size) for size in sizes]
    for _ in range(3):
        model = Model.load(exported)
        with ThreadPoolExecutor(len(sizes)) as pool:
            found = list(pool.map(functools.partial(hear, model), sizes))
        for track, expected in zip(found, alone, strict=True):
            np.testing.assert_allclose(track, expected, **CLOSE)
