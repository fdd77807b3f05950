"""OpenFst's binary files of weighted transducers.

The library reads what a file claims: a damaged one makes it take gigabytes, or leads a search out
of memory. So a file is walked through here first, byte by byte, and what it holds is checked.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from kws.errors import InputError
from kws.files import atomic_path, named
from kws.hmm.graphs import Fst
from kws.hmm.packages import kaldi_package

_BEGIN = struct.pack("<ii6si8s", 2125659606, 6, b"vector", 8, b"standard")
_HEADER = struct.Struct("<iiQqqq")  # version, flags, properties, first state, states, arcs
_STATE = struct.Struct("<fq")  # final cost, number of arcs
_ARC = np.dtype([("input", "<i4"), ("output", "<i4"), ("cost", "<f4"), ("target", "<i4")])
_HAS_SYMBOLS = 3
_MOST_COST = 1e6  # far over any log-likelihood; sums of larger ones overflow


def read_graph(path: str | Path) -> Fst:
    """Read an FST that `kws make-graph` or Kaldi wrote.

    Raises:
        InputError: the file is no FST of type vector, or a damaged one.
    """
    kaldifst = kaldi_package("kaldifst")
    with named(path):
        content = Path(path).read_bytes()
    if not content.startswith(_BEGIN):
        raise InputError(f"{path}: is not an FST of type vector; give an HCLG.fst")
    fault = _fault(content)
    if fault is not None:
        raise InputError(f"{path}: {fault}; make the graph again")
    return kaldifst.StdVectorFst.read(str(path))


def write_fst(path: str | Path, fst: Fst) -> None:
    """Write an FST in OpenFst's binary form, atomically."""
    with atomic_path(path) as temporary:
        if not fst.write(str(temporary)):
            raise InputError(f"{path}: the FST cannot be written; is the disk full?")


def _fault(content: bytes) -> str | None:
    """What is wrong with the content of a file; None: nothing."""
    offset = len(_BEGIN) + _HEADER.size
    if len(content) < offset:
        return "an FST that is cut short"
    _, flags, _, start, num_states, _ = _HEADER.unpack_from(content, len(_BEGIN))
    if flags & _HAS_SYMBOLS:
        return "an FST with tables of symbols of its own, which cannot be used"
    if not 0 <= start < num_states <= len(content) // _STATE.size:
        return "an FST that is damaged or empty"
    for _ in range(num_states):
        if len(content) - offset < _STATE.size:
            return "an FST that is cut short"
        final, num_arcs = _STATE.unpack_from(content, offset)
        offset += _STATE.size
        if not 0 <= num_arcs <= (len(content) - offset) // _ARC.itemsize:
            return "an FST that is cut short"
        arcs = np.frombuffer(content, _ARC, num_arcs, offset)
        offset += arcs.nbytes
        if not (abs(final) < _MOST_COST or final == np.inf) or not _are_whole(arcs, num_states):
            return "an FST that is damaged"
    return None if offset == len(content) else "an FST with something behind it"


def _are_whole(arcs: np.ndarray[tuple[int], np.dtype[np.void]], num_states: int) -> bool:
    """Whether arcs have labels, lead to states, and cost something that can be summed."""
    targets, costs = arcs["target"], arcs["cost"]
    labels = np.minimum(arcs["input"], arcs["output"])
    return bool(
        ((labels >= 0) & (targets >= 0) & (targets < num_states)).all()
        and (np.abs(costs) < _MOST_COST).all()  # false of what is no number
    )
