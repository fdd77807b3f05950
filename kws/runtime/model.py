"""An exported file, loaded: what the streams of one model share."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.inference import onnxruntime
from kws.runtime.metadata import Metadata, parse_metadata
from kws.runtime.steady import SteadyCalls, SteadySessions, has_steady_chains

Array = npt.NDArray[np.float32]
INPUTS = ["samples", "state", "flush"]
MOST_SILENCE = 1 << 24  # samples that are tried: no detector waits for so many
Tensor = tuple[str, list[Any]]  # its type, and its shape: numbers, names or None
OUTPUTS = ["confidences", "smoothed", "posteriors", "next_state"]
_GO_ON, _END = np.array(False), np.array(True)


class Scores(NamedTuple):
    """What one call gives for T frames of N streams."""

    confidences: Array  # (N, T, keywords)
    smoothed: Array  # (N, T, units)
    posteriors: Array  # (N, T, units)
    next_state: Array  # (N, state_size)


class Model:
    """An exported file: samples and a state in, confidences and the next state out.

    It never changes: any number of streams, in any number of threads, can use it at once.
    """

    def __init__(
        self,
        session: Any,
        metadata: Metadata,
        source: str,
        steady: SteadySessions | None = None,
    ) -> None:
        """Join the parts; `load` makes them.

        Args:
            session: of onnxruntime.
            metadata: what the file says about itself.
            source: the file's name, for error messages.
            steady: its chains for streams that are long on their way, if it has them.
        """
        self.metadata = metadata
        self.source = source
        self._run = session.run
        self._steady = None if metadata.settled_frames is None else steady
        self._origin: tuple[Path, int] | None = None  # of a file: where it is, and its checksum

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read an exported file.

        Raises:
            InputError: it cannot be read, is no ONNX file, is damaged, is not what `kws export`
                writes or is of a newer format.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        session = _session(content, str(path))
        entries, tensors = _description(session, str(path))
        metadata = parse_metadata(entries, str(path))
        _check_tensors(tensors, metadata, str(path))
        origin = Path(path).absolute(), zlib.crc32(content)  # wherever the program goes to
        steady = None
        if has_steady_chains(content):
            read = functools.partial(_unchanged, *origin)
            steady = SteadySessions(read, lambda part, dims: _session(part, str(path), dims))
        model = cls(session, metadata, str(path), steady)
        model._origin = origin
        return model

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle keeps where the file is, not what it holds."""
        if self._origin is None:
            raise TypeError("a model that no file holds cannot be pickled")
        has_sizes = self._steady is not None and self._steady.has_sizes
        return _load_same, (type(self), *self._origin, has_sizes)

    def init_state(self, num_streams: int = 1) -> Array:
        """The state before any sample: (N, state_size)."""
        return np.zeros((num_streams, self.metadata.state_size), np.float32)

    def steady_calls(self, memory: Array) -> SteadyCalls | None:
        """The short way of one stream, once it is long on its way; None: the file has none.

        Args:
            memory: (1, any number), whose front will hold the samples of every call.
        """
        metadata = self.metadata
        if self._steady is None:
            return None
        num_units = len(metadata.units)
        columns = dict(zip(OUTPUTS, (len(metadata.keywords), num_units, num_units), strict=False))
        return SteadyCalls(
            self._steady,
            columns,
            metadata.state_size,
            metadata.frame_shift,
            metadata.w_max,
            memory,
        )

    def run(
        self, samples: Array, state: Array, flush: bool = False, is_settled: bool = False
    ) -> Scores:
        """The frames that the next samples complete.

        Args:
            samples: (N, S) float32 at 16-bit scale, S >= 0.
            state: (N, state_size), what the call before returned; all rows have taken in equally
                many samples.
            flush: the streams end with these samples.
            is_settled: the streams have had `settled_frames` or more, each call ended and ends
                where a frame does, and this one has a frame or more.

        Returns:
            frames and state; after a flush the state is spent.

        Raises:
            InputError: the file is damaged where it was not seen when it was loaded.
        """
        values = {"samples": samples, "state": state, "flush": _END if flush else _GO_ON}
        run = self._run
        if is_settled and self._steady is not None and not flush:
            is_one = samples.shape[1] == self.metadata.frame_shift
            session = self._steady.one if is_one else self._steady.several
            run = self._run if session is None else session.run
        try:
            return Scores._make(run(OUTPUTS, values))
        except Exception as error:  # see `_session`
            raise self.fault(error) from None

    def look_ahead_frames(self) -> int:
        """Frames behind a frame without which it has no confidence: found by a try, on silence.

        Raises:
            InputError: frames have no confidence, however many follow.
        """
        metadata, num_frames = self.metadata, 1
        while num_frames * metadata.frame_shift + metadata.first_samples <= MOST_SILENCE:
            num_samples = metadata.first_samples + (num_frames - 1) * metadata.frame_shift
            samples = np.zeros((1, num_samples), np.float32)
            num_known: int = self.run(samples, self.init_state()).confidences.shape[1]
            if num_known:
                return num_frames - num_known
            num_frames *= 2
        raise InputError(
            f"{self.source}: is damaged: it gives no frame, however long a recording is; export "
            "the model again"
        )

    def fault(self, error: Exception) -> InputError:
        """What to raise when a call failed: a file that loads can still be damaged.

        Args:
            error: of onnxruntime.
        """
        return InputError(
            f"{self.source}: onnxruntime {onnxruntime.__version__} cannot run it "
            f"({_reason(error)}); export the model again"
        )


def _load_same(cls: type[Model], path: Path, checksum: int, has_sizes: bool) -> Model:
    """A pickled model.

    Raises:
        InputError: its file is not there any more, or another one.
    """
    model = cls.load(path)
    assert model._origin is not None
    if model._origin[1] != checksum:
        raise InputError(
            f"{path}: is not the file that was loaded when this was pickled; put that back, or "
            "make the detector again"
        )
    if model._steady is not None:
        model._steady.has_sizes = has_sizes
    return model


def _unchanged(path: Path, checksum: int) -> bytes:
    """A file's content, empty if it is not what it was."""
    try:
        content = path.read_bytes()
    except OSError:
        return b""
    return content if zlib.crc32(content) == checksum else b""


def _description(session: Any, source: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata of a file, and its inputs and outputs by name."""
    try:
        values = (*session.get_inputs(), *session.get_outputs())
        tensors = {value.name: (value.type, list(value.shape)) for value in values}
        return dict(session.get_modelmeta().custom_metadata_map), tensors
    except UnicodeDecodeError:
        raise InputError(
            f"{source}: has names or metadata that are no text in UTF-8; give what `kws export` "
            "writes"
        ) from None


def _check_tensors(found: dict[str, Tensor], metadata: Metadata, source: str) -> None:
    """InputError when a file's inputs and outputs are not those that its metadata tells of."""
    if sorted(found) != sorted(INPUTS + OUTPUTS):
        raise InputError(
            f"{source}: is damaged: its inputs and outputs are {', '.join(found)}, not "
            f"{', '.join(INPUTS + OUTPUTS)}; export the model again"
        )
    num_units = len(metadata.units)
    shapes: dict[str, list[int | None]] = {  # None: of any size
        "samples": [None, None],
        "state": [None, metadata.state_size],
        "flush": [],
        "confidences": [None, None, len(metadata.keywords)],
        "smoothed": [None, None, num_units],
        "posteriors": [None, None, num_units],
        "next_state": [None, metadata.state_size],
    }
    for name, wanted in shapes.items():
        kind = "tensor(bool)" if name == "flush" else "tensor(float)"
        shape = [size if isinstance(size, int) else None for size in found[name][1]]
        if (found[name][0], shape) != (kind, wanted):
            raise InputError(
                f"{source}: is damaged: its {name} is a {found[name][0]} of {_sizes(shape)}, not "
                f"a {kind} of {_sizes(wanted)} as its metadata says; export the model again"
            )


def _sizes(shape: list[int | None]) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape) or "one value"


def _reason(error: Exception) -> str:
    """What onnxruntime has to say, in a few words."""
    return str(error).rpartition(" : ")[2].strip().rstrip(".").replace("\n", " ")[:120]


def _session(content: bytes, source: str, dims: dict[str, int] | None = None) -> Any:
    """A session of onnxruntime.

    Args:
        content: of the file.
        source: its name.
        dims: of a steady chain, the sizes of dimensions that are known; None: of the whole file.
    """
    options = onnxruntime.SessionOptions()
    # one stream is too little work to share: more threads only wake one another
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    for name, size in (dims or {}).items():
        options.add_free_dimension_override_by_name(name, size)
    if dims is None:  # what comes rarely may take longer: copies of the weights cost memory
        options.add_session_config_entry("session.disable_prepacking", "1")
    # not from the arena, which never returns what prepared copies replace
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    options.log_severity_level = 4  # what it has to say is in the exception
    try:
        session = onnxruntime.InferenceSession(
            content,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,  # to the same provider, after printing why
        )
    except Exception as error:  # its exceptions have no common base of their own
        raise InputError(
            f"{source}: not an ONNX file that onnxruntime {onnxruntime.__version__} loads "
            f"({_reason(error)}); give what `kws export` writes"
        ) from None
    session._model_bytes = None  # kept for a change of providers, a copy of the file each
    _give_back()
    return session


def _give_back() -> None:
    """Return to the system what loading needed for a while, 2 MB; only glibc keeps it."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
