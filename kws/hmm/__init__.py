"""Units, frame labels and alignments."""

from kws.hmm.alignment import Alignment, align
from kws.hmm.bootstrap import place_by_energy
from kws.hmm.labels import (
    FILLER,
    Span,
    TimedWord,
    UnitInventory,
    frame_labels,
    inventory_of,
    units_of,
)

__all__ = [
    "FILLER",
    "Alignment",
    "Span",
    "TimedWord",
    "UnitInventory",
    "align",
    "frame_labels",
    "inventory_of",
    "place_by_energy",
    "units_of",
]
