"""Samples to raw features: framing and Kaldi's fbank or MFCC as a few matrix products.

The transform of length M is taken apart as M = M1 * M2 (Cooley & Tukey 1965): with n = M2 n1 + n2
and k = k1 + M1 k2,

    X[k] = sum_n2 e^(-2 pi i n2 k / M) sum_n1 e^(-2 pi i n1 k1 / M1) y[M2 n1 + n2].

The inner sums are one matrix for all n2, the outer ones a matrix for each k1; k1 up to M1 / 2 is
enough, the other outputs are conjugates of these.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kws.export.clock import Clock
from kws.export.graph import Graph
from kws.export.memory import Memory
from kws.features import FbankOptions, MfccOptions
from kws.features.fbank import FLOAT_EPSILON
from kws.features.framing import window
from kws.features.mel_options import MelOptions
from kws.features.mfcc import cepstral_matrix

Array = npt.NDArray[np.float64]


def emit_frames(graph: Graph, memory: Memory, clock: Clock, options: MelOptions) -> tuple[str, str]:
    """Cut the stream into frames.

    Args:
        graph: where the nodes go.
        memory: keeps the latest samples: less than a frame of them belongs to frames to come.
        clock: its counter `left_over` says how many.
        options: frame length and shift.

    Returns:
        (N * T, 1, frame length), and T, (1,)
    """
    length, shift = options.window_length, options.window_shift
    left_over = clock.now["left_over"]
    stream = graph.op("Concat", memory.take("samples", length - 1), "samples", axis=1)
    memory.keep("samples", graph.slice(stream, 1, -(length - 1)), length - 1)
    num_samples = graph.op("Shape", "samples", start=1, end=2)
    # Div rounds towards 0: frames that lack samples count as none
    room = graph.add(left_over, num_samples, shift - length)
    number = graph.at_least(graph.op("Div", room, graph.constant([shift])), 0)
    covered = graph.mul(number, shift)
    clock.advance("left_over", graph.sub(num_samples, covered))
    start = graph.sub(length - 1, left_over)
    overlap = graph.mul(graph.at_most(number, 1), length - shift)
    whole = graph.slice(stream, 1, start, graph.add(start, covered, overlap))
    return _overlapping(graph, memory, options, whole, number), number


def emit_steady_frames(
    graph: Graph, memory: Memory, options: MelOptions, is_one: bool
) -> tuple[str, str | None]:
    """As `emit_frames`, where no sample is too many for a number of whole frames.

    Args:
        graph, memory, options: as in `emit_frames`.
        is_one: there is a single frame.

    Returns:
        (N * T, 1, frame length), and T, (1,), None for 1
    """
    length, shift = options.window_length, options.window_shift
    waiting = length - shift  # samples that belong to frames to come; those before are over
    if is_one and waiting >= shift:
        sizes = [shift - 1, shift, waiting - shift]
    else:
        sizes = [shift - 1, waiting]
    pieces = memory.take_pieces("samples", sizes)
    stream = graph.op("Concat", *pieces[1:], "samples", axis=1)
    if len(sizes) == 3:
        memory.keep_pieces("samples", [pieces[0], pieces[2], "samples"])
    else:
        kept = graph.slice(stream, 1, -waiting) if waiting else pieces[1]
        memory.keep_pieces("samples", [pieces[0], kept])
    if is_one:
        return graph.reshape(stream, -1, 1, length), None
    num_samples = graph.op("Shape", "samples", start=1, end=2)
    number = graph.op("Div", num_samples, graph.constant([shift]))
    return _overlapping(graph, memory, options, stream, number), number


def _overlapping(
    graph: Graph, memory: Memory, options: MelOptions, stream: str, number: str
) -> str:
    """The frames in samples (N, T * shift + length - shift): (N * T, 1, length)."""
    length, shift = options.window_length, options.window_shift
    block = math.gcd(length, shift)
    firsts = graph.mul(memory.numbers_below(number), shift // block)
    index = graph.op("Add", firsts, graph.constant(np.arange(length // block)))
    frames = graph.op("Gather", graph.reshape(stream, 0, -1, block), index, axis=1)
    return graph.reshape(frames, -1, 1, length)  # from (N, T, blocks per frame, block)


def emit_raw_features(
    graph: Graph, options: FbankOptions | MfccOptions, frames: str, is_one: bool
) -> str:
    """Features of frames, of any type; arguments and result as of `emit_fbank`."""
    if isinstance(options, FbankOptions):
        return emit_fbank(graph, options, frames, is_one)
    log_mels = emit_fbank(graph, options.log_mels, frames, is_one)
    return graph.op("MatMul", log_mels, graph.constant(cepstral_matrix(options)))


def emit_fbank(graph: Graph, options: FbankOptions, frames: str, is_one: bool) -> str:
    """Filter-bank features of frames.

    Args:
        graph: where the nodes go.
        options: which features.
        frames: (N * T, 1, frame length).
        is_one: T is 1: what saves nodes counts more than what serves many frames.

    Returns:
        (N * T, dim)
    """
    bare = frames
    if options.remove_dc_offset:
        mean = graph.op("ReduceMean", frames, graph.constant([2]))
        frames = bare = graph.op("Sub", frames, mean)
    split = _Transform(options)
    padded = split.rows * split.inner
    taps = [-options.preemphasis_coefficient, 1.0]
    tail = padded - options.window_length
    windowed = graph.op(
        "Conv", frames, graph.constant(np.array([[taps]])), pads=[1, tail], kernel_shape=[2]
    )
    windowed = graph.op("Mul", windowed, graph.constant(_window(options, padded)))
    spectrum = _emit_spectrum(graph, split, windowed, is_one)
    weights = graph.rows(*split.mel_weights())
    mels = graph.op("Gemm", spectrum, weights)
    if options.use_log_fbank:
        mels = graph.op("Log", graph.op("Max", mels, graph.constant(FLOAT_EPSILON)))
    if not options.use_energy:
        return mels
    energy = _emit_log_energy(graph, options, bare if options.raw_energy else windowed)
    columns = [mels, energy] if options.htk_compat else [energy, mels]
    return graph.op("Concat", *columns, axis=1)


def _emit_spectrum(graph: Graph, split: _Transform, windowed: str, is_one: bool) -> str:
    """What the mel weights are for, of at least one frame.

    Args:
        windowed: (N * T, 1, padded)

    Returns:
        (N * T, rows of the mel weights)
    """
    columns = graph.reshape(windowed, -1, split.rows, split.inner)  # rows of n1, columns of n2
    sums = graph.op("MatMul", graph.constant(split.inner_matrix()), columns)
    if is_one:
        sums = graph.reshape(sums, -1, split.num_groups, 1, 2 * split.inner)
    else:  # the frames below one another for each k1
        sums = graph.reshape(sums, -1, split.num_groups, 2 * split.inner)
        sums = graph.op("Transpose", sums, perm=[1, 0, 2])
    outputs = graph.op("MatMul", sums, graph.constant(split.outer_matrices()))
    values = graph.op("Mul", outputs, outputs)
    if not is_one:
        values = graph.op("Transpose", values, perm=[1, 0, 2])
    size = 2 * split.num_groups * split.inner
    if not split.options.use_power:
        values = graph.reshape(values, -1, split.num_groups, 2, split.inner)
        values = graph.op("Sqrt", graph.op("ReduceSum", values, graph.constant([2]), keepdims=0))
        size //= 2
    return graph.reshape(values, -1, size)


def _emit_log_energy(graph: Graph, options: FbankOptions, frames: str) -> str:
    """(N * T, 1, length) -> (N * T, 1)."""
    energy = graph.op("ReduceSumSquare", frames, graph.constant([2]), keepdims=0)
    energy = graph.op("Log", graph.op("Max", energy, graph.constant(FLOAT_EPSILON)))
    if options.energy_floor > 0:
        energy = graph.op("Max", energy, graph.constant(math.log(options.energy_floor)))
    return energy


def _window(options: FbankOptions, padded: int) -> Array:
    """The window with zeros behind it, and the first sample's pre-emphasis in it: (padded,)."""
    values = window(options).numpy().copy()
    # y[0] = (1 - c) x[0], where the convolution's zero in front of x gives x[0]
    values[0] *= 1 - options.preemphasis_coefficient
    return np.pad(values, (0, padded - len(values)))


class _Transform:
    """The factors of the transform, for one set of options; see the module's head."""

    def __init__(self, options: FbankOptions) -> None:
        self.options = options
        self.length = options.fft_length  # M
        divisors = [d for d in range(1, self.length + 1) if self.length % d == 0]
        self.inner = max(d for d in divisors if d * d <= self.length)  # M2
        self.count = self.length // self.inner  # M1
        self.num_groups = self.count // 2 + 1
        self.rows = -(-options.window_length // self.inner)

    def inner_matrix(self) -> Array:
        """(2 * K1, rows): the cosines and sines of k1 in turn."""
        angle = np.outer(np.arange(self.num_groups), np.arange(self.rows)) / self.count
        parts = (np.cos(2 * np.pi * angle), -np.sin(2 * np.pi * angle))
        return np.stack(parts, axis=1).reshape(-1, self.rows)

    def outer_matrices(self) -> Array:
        """(K1, 2 * M2, 2 * M2): from such inner sums to X[k1 + M1 k2], real and imaginary."""
        turns = np.arange(self.inner)[:, None] * self._outputs()[:, None, :]  # n2 k
        angle = 2 * np.pi * (turns % self.length) / self.length
        cosine, sine = np.cos(angle), np.sin(angle)
        real = np.concatenate((cosine, sine), axis=1)
        imaginary = np.concatenate((-sine, cosine), axis=1)
        return np.concatenate((real, imaginary), axis=2)

    def mel_weights(self) -> tuple[Array, npt.NDArray[np.int64]]:
        """For magnitudes (K1 * M2, num_mel_bins), and which of these rows squares have.

        A frequency that occurs twice counts once.
        """
        options = self.options
        bank = options.mel_bank.weights(options.vtln_warp)
        outputs = self._outputs()
        bins = np.minimum(outputs, self.length - outputs)
        _, first = np.unique(bins, return_index=True)
        once = np.zeros(bins.size, dtype=bool)
        once[first] = True
        weights = np.where(once.reshape(bins.shape)[..., None], bank[bins], 0.0)
        rows = np.arange(bins.size).reshape(bins.shape)
        if options.use_power:  # of the real and the imaginary part
            rows = np.concatenate((rows, rows), axis=1)
        return weights.reshape(-1, options.num_mel_bins), rows.ravel()

    def _outputs(self) -> npt.NDArray[np.int64]:
        """The frequencies k1 + M1 k2, (K1, M2)."""
        return np.arange(self.num_groups)[:, None] + self.count * np.arange(self.inner)
