import re
import threading
from unittest import mock

import numpy as np
import onnx
import pytest
from runtime_level import GRAPH, bursts, level_confidences, write_level

from kws.errors import InputError
from kws.runtime import Model, Stream


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return Model.load(write_level(tmp_path_factory.mktemp("model") / "level.onnx"))


def test_a_call_of_several_rows_and_the_end(model):
    samples = np.stack([bursts(2, seed).astype(np.float32) for seed in (1, 2, 3)])
    first = model.run(samples[:, :12345], model.init_state(3))
    last = model.run(samples[:, 12345:], first.next_state, True)
    confidences = np.concatenate([first.confidences, last.confidences], axis=1)
    expected = np.stack([level_confidences(row) for row in samples])
    np.testing.assert_allclose(confidences, expected, rtol=0, atol=1e-6)  # float32
    assert first.smoothed.shape == first.posteriors.shape == (3, first.confidences.shape[1], 3)
    assert first.next_state.shape == (3, 402)


def test_threads_share_a_model(model):
    samples = [bursts(3, seed).astype(np.float32)[None] for seed in range(4)]
    expected = [model.run(x, model.init_state(), True).confidences for x in samples]
    seen = [[] for _ in samples]

    def work(i):
        for _ in range(20):
            seen[i].append(model.run(samples[i], model.init_state(), True).confidences)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(samples))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, confidences in enumerate(expected):
        assert len(seen[i]) == 20
        assert all(np.array_equal(other, confidences) for other in seen[i])


def refusal(path):
    with pytest.raises(InputError) as raised:
        Model.load(path)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_files_that_cannot_be_used(tmp_path):
    assert refusal(tmp_path / "no.onnx") == f"{tmp_path}/no.onnx: No such file or directory"
    assert refusal(tmp_path) == f"{tmp_path}: Is a directory"
    whole = write_level(tmp_path / "level.onnx").read_bytes()
    path = tmp_path / "other.onnx"
    for content in (b"", b"not an ONNX file\n", whole[: len(whole) // 2], whole[7:]):
        path.write_bytes(content)
        assert re.fullmatch(
            rf"{path}: not an ONNX file that onnxruntime [0-9.]+ loads \(.+\); give what "
            r"`kws export` writes",
            refusal(path),
        )


def test_a_newer_file_and_a_foreign_one(tmp_path):
    path = write_level(tmp_path / "newer.onnx", format_version="7")
    assert refusal(path) == (
        f"{path}: its format_version=7 is newer than 1, the newest that this kws reads; update "
        "kws, or export the model again"
    )
    foreign = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (float[N] y) { y = Abs (x) }'
    )
    path = tmp_path / "foreign.onnx"
    path.write_bytes(foreign.SerializeToString())
    assert refusal(path) == (
        f"{path}: an ONNX file, but no keyword detector; give what `kws export` writes"
    )


def test_other_inputs_are_damage(tmp_path):
    graph = re.sub(r"\bflush\b", "finish", GRAPH)
    path = write_level(tmp_path / "level.onnx", graph)
    assert refusal(path) == (
        f"{path}: is damaged: its inputs and outputs are samples, state, finish, confidences, "
        "smoothed, posteriors, next_state, not samples, state, flush, confidences, smoothed, "
        "posteriors, next_state; export the model again"
    )


def test_a_state_of_another_size_is_damage(tmp_path):
    path = write_level(tmp_path / "level.onnx", state_size="400")
    assert refusal(path) == (
        f"{path}: is damaged: its state is a tensor(float) of any x 402, not a tensor(float) of "
        "any x 400 as its metadata says; export the model again"
    )


@pytest.mark.parametrize(
    ("declared", "instead", "what", "found", "wanted"),
    [
        ("bool flush", "int64 flush", "flush", "tensor(int64) of one value", "(bool) of one value"),
        ("bool flush", "bool[1] flush", "flush", "tensor(bool) of 1", "(bool) of one value"),
        ("[N, S] samples", "[2, S] samples", "samples", "tensor(float) of 2 x any", "of any x any"),
    ],
)
def test_other_tensors_are_damage(tmp_path, declared, instead, what, found, wanted):
    assert GRAPH.count(declared) == 1
    path = write_level(tmp_path / "level.onnx", GRAPH.replace(declared, instead))
    assert re.fullmatch(
        rf"{path}: is damaged: its {what} is a .*{re.escape(found)}, not a tensor.*"
        rf"{re.escape(wanted)} as its metadata says; export the model again",
        refusal(path),
    )


@pytest.mark.parametrize(
    ("entry", "text", "what", "sizes"),
    [
        ("units", '["<filler>", "loud", "louder", "loudest"]', "smoothed", (3, 4)),
        ("keywords", '[{"name": "loud", "units": [1]}]', "confidences", (2, 1)),
    ],
)
def test_names_that_are_more_or_fewer_than_outputs(tmp_path, entry, text, what, sizes):
    path = write_level(tmp_path / "level.onnx", **{entry: text})
    assert refusal(path) == (
        f"{path}: is damaged: its {what} is a tensor(float) of any x any x {sizes[0]}, not a "
        f"tensor(float) of any x any x {sizes[1]} as its metadata says; export the model again"
    )


def test_texts_that_are_none(tmp_path, capsys):
    whole = write_level(tmp_path / "level.onnx").read_bytes()
    path = tmp_path / "other.onnx"
    for text in (b"made", b"next_state"):  # of the metadata, and a name
        path.write_bytes(whole.replace(text, b"\xff" + text[1:]))
        assert "\\xff" not in refusal(path)
    assert capsys.readouterr().out == ""  # nor does onnxruntime print what it tries


def test_a_file_that_loads_and_does_not_run(tmp_path):
    graph = GRAPH.replace("Gather <axis = 0> (shape, i1)", "Gather <axis = 0> (shape, c401)")
    path = write_level(tmp_path / "level.onnx", graph)
    stream = Stream(Model.load(path))
    with pytest.raises(
        InputError,
        match=rf"^{path}: onnxruntime [0-9.]+ cannot run it \(.*out of.*\); export the model a",
    ):
        stream.process(bursts(1))


def test_the_look_ahead_is_found_however_long_it_is(model):
    assert model.look_ahead_frames() == 1
    frames = mock.Mock()
    frames.run.side_effect = lambda names, values: (
        [np.zeros((1, max(0, values["samples"].shape[1] // 160 - 1 - 300), 2), np.float32)] * 4
    )
    late = Model(frames, model.metadata, "late.onnx")
    assert late.look_ahead_frames() == 300
    frames.run.side_effect = lambda names, values: [np.zeros((1, 0, 2), np.float32)] * 4
    message = "^late.onnx: is damaged: it gives no frame, however long a recording is; export the "
    with pytest.raises(InputError, match=message):
        late.look_ahead_frames()
