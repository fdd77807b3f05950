import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_level import bursts, heard, level_confidences, write_level

from kws.errors import InputError
from kws.runtime import Detector, Model, Stream

SOUND = bursts(8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(write_level(tmp_path_factory.mktemp("stream") / "level.onnx"))


def run(stream, chunks):
    """Events, and the frames of all calls."""
    events, frames = [], []
    for chunk in chunks:
        events += stream.process(chunk)
        frames.append((stream.confidences, stream.smoothed, stream.posteriors))
    events += stream.flush()
    frames.append((stream.confidences, stream.smoothed, stream.posteriors))
    return events, [np.concatenate(part) for part in zip(*frames, strict=True)]


def assert_same(result, other):
    """To the last bit."""
    assert result[0] == other[0]
    for part, other_part in zip(result[1], other[1], strict=True):
        assert part.tobytes() == other_part.tobytes()
        assert part.shape == other_part.shape


def test_the_frames_and_the_events_of_a_recording(model):
    events, (confidences, smoothed, posteriors) = run(Stream(model), [SOUND])
    # float32 against float64
    np.testing.assert_allclose(confidences, level_confidences(heard(SOUND)), rtol=0, atol=1e-6)
    assert smoothed.shape == posteriors.shape == (len(confidences), 3)
    np.testing.assert_array_equal(smoothed, posteriors)
    assert {event.keyword for event in events} == {"loud", "shout"}
    first = events[0]
    frame = round((first.trigger_s - 0.0125) / 0.01)
    assert confidences[frame, 0] >= 0.4 > confidences[frame - 1, 0]
    assert first.confidence == confidences[round((first.peak_s - 0.0125) / 0.01), 0]


def test_a_reset_stream_is_a_new_one(model):
    chunks = np.array_split(SOUND, 23)
    new = run(Stream(model), chunks)
    stream = Stream(model)
    for cut in (5, 17):
        for chunk in np.array_split(bursts(3, seed=9), 17)[:cut]:
            stream.process(chunk)
        stream.reset()
        assert stream.confidences.shape == (0, 2)
        assert_same(run(stream, chunks), new)
    # and after the end of another one: flush ends a stream as well
    assert_same(run(stream, chunks), new)


def test_streams_do_not_know_of_one_another(model):
    sounds = [bursts(4, seed) for seed in range(3)]
    alone = [run(Stream(model), np.array_split(sound, 31)) for sound in sounds]
    first = Stream(model)
    streams = [first, first.stream(), first.stream()]
    events, frames = [[], [], []], [[], [], []]
    for chunks in zip(*(np.array_split(sound, 31) for sound in sounds), strict=True):
        for i, chunk in enumerate(chunks):
            events[i] += streams[i].process(chunk)
            frames[i].append((streams[i].confidences, streams[i].smoothed, streams[i].posteriors))
    for i, stream in enumerate(streams):
        events[i] += stream.flush()
        frames[i].append((stream.confidences, stream.smoothed, stream.posteriors))
        joined = [np.concatenate(part) for part in zip(*frames[i], strict=True)]
        assert_same((events[i], joined), alone[i])


@settings(deadline=None, max_examples=40)
@given(random=st.integers(0, 2**31), longest=st.sampled_from([3, 170, 700, 5000, 60000]))
def test_any_chunks_give_the_events_of_the_whole_file(model, random, longest):
    sound = SOUND[:32000]
    whole = run(Stream(model), [sound])
    generator = np.random.default_rng(random)
    sizes = generator.integers(0, longest + 1, size=2 + 2 * len(sound) // longest)
    sizes[::3] = 0
    cuts = np.minimum(np.cumsum(sizes), len(sound))
    # the level of a frame does not depend on the call: equal to the last bit
    assert_same(run(Stream(model), np.split(sound, cuts)), whole)


def test_a_frame_is_told_by_the_chunk_that_completes_it(model):
    stream = Stream(model)
    for count, frames in ((559, 0), (1, 1), (159, 0), (1, 1), (0, 0), (320, 2)):
        stream.process(np.zeros(count, np.int16))
        assert stream.confidences.shape == (frames, 2)


def test_integers_and_floats_agree(model):
    expected = run(Stream(model), np.array_split(SOUND, 40))
    for dtype in (np.float32, np.float64):
        floats = SOUND.astype(dtype) / 32768
        assert_same(run(Stream(model), np.array_split(floats, 40)), expected)
    stereo = np.stack([SOUND, 0 * SOUND], axis=1)
    assert_same(run(Stream(model), np.array_split(stereo[:, 0], 40)), expected)
    stream = Stream(model)
    waveform = [
        event
        for x in np.array_split(SOUND, 40)
        for event in stream.process_waveform(x.astype(np.float32))
    ]
    assert waveform + stream.flush() == expected[0]


def test_a_refused_chunk_leaves_the_stream_as_it_was(model):
    chunks = np.array_split(SOUND, 9)
    expected = run(Stream(model), chunks)
    stream = Stream(model)
    events, frames = [], []
    for chunk in chunks:
        damaged = chunk / 32768
        damaged[100] = np.nan
        for wrong in (damaged, chunk.astype(np.int32), chunk[None], chunk.astype(np.float32)):
            with pytest.raises(InputError):
                stream.process(wrong)
        events += stream.process(chunk)
        frames.append((stream.confidences, stream.smoothed, stream.posteriors))
    events += stream.flush()
    frames.append((stream.confidences, stream.smoothed, stream.posteriors))
    joined = [np.concatenate(part) for part in zip(*frames, strict=True)]
    assert_same((events, joined), expected)


def test_the_caller_may_use_its_array_again(model):
    expected = run(Stream(model), np.array_split(SOUND, 100))
    stream, events = Stream(model), []
    array = np.zeros(2000, np.int16)
    for chunk in np.array_split(SOUND, 100):
        array[: len(chunk)] = chunk
        events += stream.process(array[: len(chunk)])
        array[:] = 12345
    assert events + stream.flush() == expected[0]


def test_an_empty_stream_and_one_without_a_frame(model):
    for num_samples in (0, 399):
        events, (confidences, smoothed, _) = run(Stream(model), [SOUND[:num_samples]])
        assert events == []
        assert confidences.shape == (0, 2)
        assert smoothed.shape == (0, 3)


def test_thresholds_of_the_file_of_all_and_of_some(model):
    assert Stream(model).thresholds == {"loud": 0.4, "shout": 0.3}
    assert Stream(model, 0.7).thresholds == {"loud": 0.7, "shout": 0.7}
    stream = Stream(model, {"shout": 1})
    assert stream.thresholds == {"loud": 0.4, "shout": 1.0}
    assert stream.stream().thresholds == stream.thresholds
    keywords = {event.keyword for event in run(stream.stream(), [SOUND])[0]}
    assert keywords == {"loud"}


@pytest.mark.parametrize("refractory_s", [0.0, 0.3, 2.5])
def test_the_refractory_period_can_be_given(model, tmp_path, refractory_s):
    path = write_level(tmp_path / "level.onnx", refractory_s=str(refractory_s))
    expected = run(Stream(Model.load(path)), [SOUND])
    stream = Stream(model, refractory_s=refractory_s)
    assert (stream.refractory_s, stream.stream().refractory_s) == (refractory_s, refractory_s)
    assert_same(run(stream, [SOUND]), expected)
    assert_same(run(stream.stream(), [SOUND]), expected)
    triggers = [event.trigger_s for event in expected[0] if event.keyword == "loud"]
    assert len(triggers) > 2
    assert min(np.diff(triggers)) >= refractory_s - 1e-9
    detector = Detector(path, refractory_s=2.5)
    assert len(run(detector, [SOUND])[0]) < len(run(Stream(model), [SOUND])[0])


@pytest.mark.parametrize("refractory_s", [-0.1, 1e9, float("nan")])
def test_refractory_periods_that_cannot_be(model, refractory_s):
    with pytest.raises(InputError, match=rf"^refractory_s={refractory_s}: it must lie between 0"):
        Stream(model, refractory_s=refractory_s)


def test_thresholds_that_cannot_be_used(tmp_path, model):
    with pytest.raises(
        InputError,
        match=r"level.onnx: threshold for 'x': its keywords are 'loud', "
        r"'shout'$",
    ):
        Stream(model, {"x": 0.5})
    for value in (-0.1, 1.5, float("nan")):
        with pytest.raises(
            InputError,
            match=rf"^threshold {value} of 'loud': it must lie between 0 and 1; give another, or "
            r"solve it with `kws evaluate --dev`$",
        ):
            Stream(model, value)
    path = write_level(tmp_path / "new.onnx", thresholds='{"loud": {"threshold": 0.4}}')
    with pytest.raises(InputError) as raised:
        Detector(path)
    assert str(raised.value) == (
        f"{path}: keyword 'shout' has no threshold; give one, or solve it with `kws evaluate "
        "--dev` and export the model again"
    )
    assert Detector(path, thresholds={"shout": 0.5}).thresholds == {"loud": 0.4, "shout": 0.5}


def test_a_detector_is_a_file_and_a_stream(tmp_path):
    path = write_level(tmp_path / "level.onnx")
    detector = Detector(path)
    assert run(detector, [SOUND])[0] == run(Stream(Model.load(path)), [SOUND])[0]
    assert detector.sample_rate == 16000
    assert [keyword.name for keyword in detector.keywords] == ["loud", "shout"]
    assert detector.units == ("<filler>", "loud", "louder")
    assert dataclasses.asdict(detector.metadata)["card"] == {"made": "by hand"}
    assert detector.stream().model is detector.model


def test_another_rate_is_refused(tmp_path):
    path = write_level(tmp_path / "level.onnx")
    with pytest.raises(InputError) as raised:
        Detector(path, sample_rate=8000)
    assert str(raised.value) == (
        f"{path}: takes samples at 16000 Hz, not 8000 Hz; convert them (kws.audio.resample_chunks)"
    )
