"""A pickled detector goes on where it was, to the last bit."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from unittest import mock

import numpy as np
import pytest
from runtime_level import METADATA, write_level
from verification_models import SOUND, make_spotter

from kws.errors import InputError
from kws.export import export_spotter
from kws.runtime import Detector, Model, Stream, process_batch
from kws.runtime.metadata import parse_metadata

SHIFT = 160
# the sizes of chunks, again and again
PATTERNS = [
    [1280],
    [SHIFT],
    [320, 1280],
    [700, 0, 1280, 1280, 1280, SHIFT, 5000, 640, 960, 1600],
]


@pytest.fixture(scope="module", params=["level", "ordered", "chen"])
def path(tmp_path_factory, request):
    """A file without the faster chains, and two with them."""
    path = tmp_path_factory.mktemp("pickle") / "model.onnx"
    if request.param == "level":
        return write_level(path)
    export_spotter(make_spotter(confidence=request.param), path)
    return path


def chunks_of(sizes):
    sound = SOUND.astype(np.int16)
    cuts = np.cumsum(sizes * (1 + len(sound) // sum(sizes)))
    return np.split(sound, cuts[cuts < len(sound)])


def frames_of(stream):
    parts = stream.confidences, stream.smoothed, stream.posteriors
    return [(part.shape, part.tobytes()) for part in parts]


def ways_of(stream):
    """The faster chains that it uses: they round alike, if not on every processor."""
    calls = stream._calls
    return None if calls is None else (calls.sizes, calls._sessions.has_sizes)


def run(stream, chunks):
    """What is told, call by call."""
    told = [(stream.process(chunk), frames_of(stream)) for chunk in chunks]
    return [*told, (stream.flush(), frames_of(stream))]


@pytest.mark.parametrize("sizes", PATTERNS)
@pytest.mark.parametrize("share", [0.005, 0.35, 0.52])
def test_it_goes_on_where_it_was(path, sizes, share):
    chunks = chunks_of(sizes)
    cut = round(share * len(chunks))
    detector = Detector(path, thresholds=0.2, refractory_s=0.2)
    heard = [detector.process(chunk) for chunk in chunks[:cut]]
    content, last, ways = pickle.dumps(detector), frames_of(detector), ways_of(detector)
    expected = run(detector, chunks[cut:])  # what was pickled goes on as well
    assert sum(map(len, heard)) + sum(len(events) for events, _ in expected) > 5
    other = pickle.loads(content)
    assert type(other) is Detector
    assert (other.thresholds, other.refractory_s) == (detector.thresholds, 0.2)
    assert set(other.thresholds.values()) == {0.2}
    assert frames_of(other) == last
    assert ways_of(other) == ways
    assert run(other, chunks[cut:]) == expected


def test_a_process_pool_takes_one_in_the_middle_of_a_stream(path):
    chunks = chunks_of([1280])
    detector = Detector(path)
    for chunk in chunks[:40]:
        detector.process(chunk)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = pool.submit(run, detector, chunks[40:]).result()
    assert found == run(detector, chunks[40:])


def test_streams_of_one_model_stay_together(path):
    detector = Detector(path)
    detector.process(SOUND[:5000].astype(np.int16))
    streams = [detector, detector.stream(), Stream(detector.model, 0.2)]
    others = pickle.loads(pickle.dumps(streams))
    chunks = [SOUND[i * 3000 : (i + 9) * 3000].astype(np.int16) for i in range(3)]
    assert process_batch(others, chunks) == process_batch(streams, chunks)


def test_a_copy_is_independent(path):
    chunks = chunks_of([1280])
    detector = Detector(path)
    for chunk in chunks[:40]:
        detector.process(chunk)
    shallow = copy.copy(detector)
    expected = run(detector, chunks[40:])
    assert run(shallow, chunks[40:]) == expected


def test_where_a_program_goes_to_does_not_matter(path, tmp_path, monkeypatch):
    monkeypatch.chdir(path.parent)
    detector = Detector(path.name)
    monkeypatch.chdir(tmp_path)
    chunks = chunks_of([1280])
    found = run(pickle.loads(pickle.dumps(detector)), chunks)
    assert found == run(detector, chunks)
    # with the faster chains, which are read when they are first needed
    assert found == run(Detector(path), chunks)


def test_the_file_must_be_there_and_the_same(tmp_path):
    path = write_level(tmp_path / "level.onnx")
    content = pickle.dumps(Detector(path))
    write_level(path, refractory_s="0.4")
    with pytest.raises(InputError) as raised:
        pickle.loads(content)
    assert str(raised.value) == (
        f"{path}: is not the file that was loaded when this was pickled; put that back, or make "
        "the detector again"
    )
    path.unlink()
    with pytest.raises(InputError, match=rf"^{path}: No such file or directory$"):
        pickle.loads(content)


def test_a_model_that_no_file_holds():
    model = Model(mock.Mock(), parse_metadata(METADATA, "a.onnx"), "a.onnx")
    with pytest.raises(TypeError, match="a model that no file holds cannot be pickled"):
        pickle.dumps(model)
