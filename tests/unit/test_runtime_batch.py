import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_level import bursts, write_level

from kws.errors import InputError
from kws.runtime import Model, Stream, process_batch

SOUNDS = [bursts(3, seed) for seed in range(5)]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(write_level(tmp_path_factory.mktemp("batch") / "level.onnx"))


@pytest.fixture(scope="module")
def unsettled(tmp_path_factory):
    path = tmp_path_factory.mktemp("batch") / "level.onnx"
    return Model.load(write_level(path, settled_frames=None))


class Counting:
    """A model that counts its calls and their rows."""

    def __init__(self, model):
        self.metadata, self.init_state, self.source = model.metadata, model.init_state, model.source
        self._model, self.rows = model, []

    def run(self, samples, state, flush=False, is_settled=False):
        self.rows.append(len(samples))
        return self._model.run(samples, state, flush, is_settled)

    def steady_calls(self, memory):
        return self._model.steady_calls(memory)


@settings(deadline=None, max_examples=40)
@given(
    random=st.integers(0, 2**31).map(np.random.default_rng),
    longest=st.sampled_from([200, 3000, 40000]),
)
@pytest.mark.parametrize("which", ["model", "unsettled"])
def test_a_batch_is_its_streams(which, random, longest, request):
    """Streams that come, stop, end and begin again, in chunks of any length."""
    model = request.getfixturevalue(which)
    batched = [Stream(model) for _ in SOUNDS]
    single = [Stream(model) for _ in SOUNDS]
    at = [0] * len(SOUNDS)
    for _ in range(12):
        chosen = np.flatnonzero(random.random(len(SOUNDS)) < 0.7)
        random.shuffle(chosen)
        sizes = random.integers(0, longest + 1, size=len(SOUNDS))
        # half of the time most have the same length
        if random.random() < 0.5:
            sizes[1:] = sizes[0]
        chunks = [SOUNDS[i][at[i] : at[i] + sizes[i]] for i in chosen]
        events = process_batch([batched[i] for i in chosen], chunks)
        assert events == [single[i].process(x) for i, x in zip(chosen, chunks, strict=True)]
        for i, chunk in zip(chosen, chunks, strict=True):
            np.testing.assert_array_equal(batched[i].confidences, single[i].confidences)
            np.testing.assert_array_equal(batched[i].posteriors, single[i].posteriors)
            at[i] += len(chunk)
            if random.random() < 0.1:
                assert batched[i].flush() == single[i].flush()
                at[i] = 0
    assert [stream.flush() for stream in batched] == [stream.flush() for stream in single]


def test_streams_of_any_age_and_offset_share_calls(model):
    counting = Counting(model)
    streams = [Stream(counting) for _ in SOUNDS]
    for i, stream in enumerate(streams):
        stream.process(SOUNDS[i][: 3000 + 1111 * i])
    counting.rows.clear()
    # every stream completes 10 frames, or one more or less where it stood just before the next
    process_batch(streams, [sound[-1600:] for sound in SOUNDS])
    assert counting.rows == [5]


def test_many_streams_are_cut_into_calls_of_bounded_size(model):
    counting = Counting(model)
    streams = [Stream(counting) for _ in range(150)]
    events = process_batch(streams, [SOUNDS[0]] * 150)
    assert sum(counting.rows) == 3 * 150  # blocks of one second
    assert max(counting.rows) <= 64
    expected = Stream(model).process(SOUNDS[0])
    assert expected
    assert all(of_stream == expected for of_stream in events)


def test_nothing_to_do(model):
    assert process_batch([], []) == []
    stream = Stream(model)
    assert process_batch([stream], [np.zeros(0, np.int16)]) == [[]]
    assert stream.confidences.shape == (0, 2)


def test_a_refused_batch_leaves_its_streams_as_they_were(model, unsettled):
    first, second = Stream(model), Stream(model)
    x = SOUNDS[0][:1000]
    for streams, chunks, message in (
        ([first], [x, x], "1 streams, 2 chunks: give one for each"),
        ([first, first], [x, x], "a stream occurs twice in a batch; join its chunks"),
        (
            [first, Stream(unsettled)],
            [x, x],
            "a batch has streams of several models; make one for each",
        ),
        ([first, second], [x, x[None]], "samples have shape"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            process_batch(streams, chunks)
    assert first.age == second.age == 0
    assert process_batch([first, second], [SOUNDS[0]] * 2) == [Stream(model).process(SOUNDS[0])] * 2
