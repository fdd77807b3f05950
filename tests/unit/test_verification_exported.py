"""Features brought out of an exported file."""

import numpy as np
import onnx
import onnx.parser
import pytest
import torch
from runtime_level import heard, write_level
from verification_models import SOUND, make_spotter

from kws.errors import InputError
from kws.export import export_spotter
from kws.inference import onnxruntime
from kws.verification import ExportedFile
from kws.verification.exported import with_features

# y is made in one of three branches, by a value named features5 or features7, or not at all
BRANCHES = """
<ir_version: 8, opset_import: ["" : 18]>
g (float[N, 2] x, bool first, bool second) => (float[N, 2] y) {
  y = If (first) <
    then_branch = a () => (float[N, 2] ya) { features5 = Neg (x)  ya = Abs (features5) },
    else_branch = b () => (float[N, 2] yb) {
      yb = If (second) <
        then_branch = c () => (float[N, 2] yc) { yc = Identity (x) },
        else_branch = d () => (float[N, 2] yd) { features7 = Add (x, x)  yd = Sqrt (features7) }
      >
    }
  >
}
"""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (True, False, [[-1.0, -4.0]]),
        (False, False, [[2.0, 8.0]]),
        (False, True, np.zeros((0, 2))),
    ],
)
def test_features_of_the_branch_that_is_taken(first, second, expected):
    model = with_features(onnx.parser.parse_model(BRANCHES), 2, "g.onnx")
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    values = {"x": np.array([[1, 4]], np.float32), "first": first, "second": second}
    features = session.run(["inner_features"], {k: np.array(v) for k, v in values.items()})[0]
    np.testing.assert_array_equal(features, expected)


def test_the_model_itself_is_left_as_it_is():
    model = onnx.parser.parse_model(BRANCHES)
    before = model.SerializeToString()
    with_features(model, 2, "g.onnx")
    assert model.SerializeToString() == before


def test_a_file_without_features(tmp_path):
    path = write_level(tmp_path / "level.onnx")
    line = r"level\.onnx: has no value named features\.\.\. inside; export the model again"
    with pytest.raises(InputError, match=line):
        ExportedFile(path)


@pytest.mark.parametrize("delta_order", [0, 2])
def test_they_are_the_filter_bank_before_deltas_and_cmvn(tmp_path, delta_order):
    spotter = make_spotter(delta_order)
    export_spotter(spotter, tmp_path / "small.onnx")
    file = ExportedFile(tmp_path / "small.onnx")
    chunks = np.split(SOUND, [7, 7, 4000, 4160, 9000])
    detector = spotter.detector(spotter.thresholds)
    expected = spotter.features.raw(torch.from_numpy(heard(SOUND))[None])[0].numpy()
    track = file.track(chunks, detector)
    # quiet bins beside loud ones: the file computes in float32 what kws does in float64 there
    np.testing.assert_allclose(track.features, expected, atol=0.01)
    assert len(track.features) == len(track.posteriors) == len(track.confidences)
