"""How often a model misses its keywords and how often it falsely alarms."""

from kws.evaluation.noise import NoiseMixer
from kws.evaluation.run import (
    Evaluation,
    Material,
    evaluate,
    store_thresholds,
    write_outputs,
)
from kws.evaluation.tables import notes_on, summary

__all__ = [
    "Evaluation",
    "Material",
    "NoiseMixer",
    "evaluate",
    "notes_on",
    "store_thresholds",
    "summary",
    "write_outputs",
]
