"""A hand-made exported file that is small enough to be followed: it spots loud frames.

Frame t is 400 samples from 160 t on, its level the mean of their absolute values; with the mean
`a` of the levels of frames t and t + 1 (the last one repeated: a right context of 1 frame) and
`p = a / (a + 1000)`, the posteriors and smoothed posteriors are `1 - p, p, p^2` and the confidences
of "loud" and "shout" `p f` and `p^2 f`, where f rises from 0.2 in frame 0 to 1 in frame 4: a file
whose output depends on a stream's age. Its streams must be at one point in time, as the real
file's: age and leftover samples are read from the first row alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.parser

from kws.audio import background

LENGTH, SHIFT, RATE = 400, 160, 16000
METADATA = {
    "format": "kws-onnx",
    "format_version": "1",
    "sample_rate": "16000",
    "frame_shift_s": "0.01",
    "frame_offset_s": "0.0125",
    "units": json.dumps(["<filler>", "loud", "louder"]),
    "keywords": json.dumps([{"name": "loud", "units": [1]}, {"name": "shout", "units": [1, 2]}]),
    "posterior": json.dumps({"w_smooth": 1, "w_max": 20, "confidence": "chen"}),
    "refractory_s": "0.3",
    "thresholds": json.dumps({"loud": {"threshold": 0.4}, "shout": {"threshold": 0.3}}),
    # an event is the burst itself
    "word_times": json.dumps({name: {"start_s": 0, "end_s": 0} for name in ("loud", "shout")}),
    "card": json.dumps({"made": "by hand"}),
    "network": "",
    "features": "--feature-type=fbank\n",
    "state_size": "402",
    "settled_frames": "6",
    "weights": "float32",
}
# state: 400 leftover samples to the right, the last level, frames so far (at most 6) and, packed
# with them, the number of leftover samples: frames + 10 * leftover
GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
level (float[N, S] samples, float[N, 402] state, bool flush)
    => (float[N, T, 2] confidences, float[N, T, 3] smoothed, float[N, T, 3] posteriors,
        float[N, 402] next_state) {
  i0 = Constant <value_ints = [0]> ()
  i1 = Constant <value_ints = [1]> ()
  im1 = Constant <value_ints = [-1]> ()
  end = Constant <value_ints = [1000000000]> ()
  i6 = Constant <value_ints = [6]> ()
  i10 = Constant <value_ints = [10]> ()
  shift = Constant <value_ints = [160]> ()
  overlap = Constant <value_ints = [240]> ()
  length = Constant <value_ints = [400]> ()
  c401 = Constant <value_ints = [401]> ()
  f1000 = Constant <value_floats = [1000.0]> ()
  f1 = Constant <value_floats = [1.0]> ()
  f5 = Constant <value_floats = [5.0]> ()
  zero = Constant <value_floats = [0.0]> ()
  half = Constant <value_floats = [0.5]> ()

  packed_all = Slice (state, c401, end, i1)
  packed_row = Slice (packed_all, i0, i1, i0)
  packed_float = Reshape (packed_row, im1)
  packed = Cast <to = 7> (packed_float)
  num_left = Div (packed, i10)
  tens = Mul (num_left, i10)
  fed = Sub (packed, tens)

  left_all = Slice (state, i0, length, i1)
  begin = Sub (length, num_left)
  left = Slice (left_all, begin, length, i1)
  known = Concat <axis = 1> (left, samples)
  shape = Shape (known)
  num_known = Gather <axis = 0> (shape, i1)
  beyond = Sub (num_known, overlap)
  quotient = Div (beyond, shift)
  num_new = Max (quotient, i0)
  used = Mul (num_new, shift)

  padding = Mul (left_all, zero)
  padded = Concat <axis = 1> (known, padding)
  loud = Abs (padded)
  channel = Unsqueeze (loud, i1)
  pooled = AveragePool <kernel_shape = [400], strides = [160]> (channel)
  pooled_levels = Squeeze (pooled, i1)
  levels = Slice (pooled_levels, i0, num_new, i1)

  kept = Slice (known, used, end, i1)
  right_aligned = Concat <axis = 1> (padding, kept)
  minus_length = Neg (length)
  new_left = Slice (right_aligned, minus_length, end, i1)

  has_past = Min (fed, i1)
  last_all = Slice (state, length, c401, i1)
  past = Slice (last_all, i0, has_past, i1)
  all = Concat <axis = 1> (past, levels)
  last = Slice (all, im1, end, i1)
  flush_int = Cast <to = 7> (flush)
  flush_row = Reshape (flush_int, im1)
  repeated = Slice (last, i0, flush_row, i1)
  extended = Concat <axis = 1> (all, repeated)
  earlier = Slice (extended, i0, im1, i1)
  later = Slice (extended, i1, end, i1)
  sum = Add (earlier, later)
  mean = Mul (sum, half)
  raised = Add (mean, f1000)
  p2 = Div (mean, raised)
  p = Unsqueeze (p2, im1)
  square = Mul (p, p)
  rest = Sub (f1, p)
  posteriors = Concat <axis = -1> (rest, p, square)
  smoothed = Identity (posteriors)

  before = Sub (fed, i1)
  out_begin = Max (before, i0)
  out_shape = Shape (p2)
  num_out = Gather <axis = 0> (out_shape, i1)
  out_end = Add (out_begin, num_out)
  s0 = Squeeze (out_begin)
  s1 = Squeeze (out_end)
  step = Squeeze (i1)
  index = Range (s0, s1, step)
  age_int = Add (index, i1)
  age_float = Cast <to = 1> (age_int)
  age_most = Min (age_float, f5)
  factor2 = Div (age_most, f5)
  factor = Unsqueeze (factor2, im1)
  both = Concat <axis = -1> (p, square)
  confidences = Mul (both, factor)

  fed_more = Add (fed, num_new)
  new_fed = Min (fed_more, i6)
  kept_shape = Shape (kept)
  num_kept = Gather <axis = 0> (kept_shape, i1)
  kept_tens = Mul (num_kept, i10)
  new_packed = Add (kept_tens, new_fed)
  new_packed_float = Cast <to = 1> (new_packed)
  first_zero = Mul (packed_all, zero)
  packed_column = Add (first_zero, new_packed_float)
  padded_last = Concat <axis = 1> (last_all, last)
  new_last = Slice (padded_last, im1, end, i1)
  next_state = Concat <axis = 1> (new_left, new_last, packed_column)
}
"""


def write_level(path: Path, graph: str = GRAPH, **changes: str | None) -> Path:
    """Write the file.

    Args:
        path: where.
        graph: its text.
        changes: metadata entries in place of METADATA's; None: without it.
    """
    model = onnx.parser.parse_model(graph)
    for name, value in {**METADATA, **changes}.items():
        if value is not None:
            model.metadata_props.add(key=name, value=value)
    path.write_bytes(model.SerializeToString())
    return path


def heard(samples: np.ndarray) -> np.ndarray:
    """What a detector hears of a recording: the recording and the background behind its end."""
    return np.concatenate((samples, background(samples, RATE)))


def level_confidences(samples: np.ndarray) -> np.ndarray:
    """What the file gives for a whole recording at 16-bit scale, from its description."""
    num_frames = max(0, (len(samples) - LENGTH) // SHIFT + 1)
    starts = SHIFT * np.arange(num_frames)
    levels = np.array([np.abs(samples[s : s + LENGTH].astype(np.float64)).mean() for s in starts])
    means = (levels + np.append(levels[1:], levels[-1:])) / 2
    p = means / (means + 1000)
    factor = np.minimum(np.arange(num_frames) + 1, 5) / 5
    return np.stack([p * factor, p * p * factor], axis=1)


def bursts(duration_s: float, seed: int = 0) -> np.ndarray:
    """Noise whose level changes a few times per second: (S,) int16."""
    random = np.random.default_rng(seed)
    times = np.arange(round(duration_s * RATE)) / RATE
    phase = random.uniform(0, 2 * np.pi, 2)
    level = np.exp(
        3 * np.sin(2 * np.pi * 0.7 * times + phase[0]) + np.sin(2 * np.pi * 1.9 * times + phase[1])
    )
    return np.clip(200 * level * random.standard_normal(len(times)), -32768, 32767).astype(np.int16)
