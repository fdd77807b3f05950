"""A network with Kokoro's inputs and output that hums: a tenth of a second per symbol.

Its pitch follows from the style, and speed shortens it, so that what reaches it can be heard.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest

from kws.data.synthesis import kokoro
from kws.data.synthesis.kokoro import MODEL_FILE, STYLE_SHAPE

GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
hum (int64[1, L] tokens, float[1, 256] style, float[1] speed) => (float[S] audio) {
  shape = Shape (tokens)
  one = Constant <value_ints = [1]> ()
  two = Constant <value_ints = [2]> ()
  row = Constant <value_ints = [0]> ()
  length = Gather <axis = 0> (shape, one)
  said = Sub (length, two)
  said_float = Cast <to = 1> (said)
  each = Constant <value_floats = [2400.0]> ()
  at_speed = Div (each, speed)
  num_float = Mul (said_float, at_speed)
  num = Cast <to = 7> (num_float)
  num_scalar = Squeeze (num, row)
  zero = Constant <value_int = 0> ()
  step = Constant <value_int = 1> ()
  samples = Range (zero, num_scalar, step)
  times = Cast <to = 1> (samples)
  pitch = ReduceMean <keepdims = 0> (style)
  phases = Mul (times, pitch)
  audio = Sin (phases)
}
"""


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Kokoro's files in a folder, of the stand-in; the hashes are theirs as long as the test."""
    (folder / "voices").mkdir(parents=True)
    content = onnx.parser.parse_model(GRAPH).SerializeToString()
    (folder / MODEL_FILE).write_bytes(content)
    lines = []
    for number, line in enumerate(kokoro.VOICE_HASHES.read_text().splitlines()):
        name = line.split()[1]
        voice = np.full(STYLE_SHAPE, 0.02 + 0.001 * number, np.float32).tobytes()
        (folder / "voices" / name).write_bytes(voice)
        lines.append(f"{hashlib.sha256(voice).hexdigest()}  {name}\n")
    (folder / "hashes").write_text("".join(lines))
    monkeypatch.setattr(kokoro, "VOICE_HASHES", folder / "hashes")
    monkeypatch.setattr(kokoro, "MODEL_SHA256", hashlib.sha256(content).hexdigest())
    return folder
