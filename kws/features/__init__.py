"""Framing, filter banks, deltas and CMVN as torch modules with Kaldi's numerics."""

from kws.features.cmvn import Cmvn, CmvnStats, apply_cmvn
from kws.features.deltas import Deltas
from kws.features.fbank import Fbank
from kws.features.options import (
    CmvnOptions,
    DeltaOptions,
    FbankOptions,
    FeatureOptions,
    FeatureTypeOptions,
    format_feature_options,
    parse_feature_options,
)
from kws.features.pipeline import FeaturePipeline

__all__ = [
    "Cmvn",
    "CmvnOptions",
    "CmvnStats",
    "DeltaOptions",
    "Deltas",
    "Fbank",
    "FbankOptions",
    "FeatureOptions",
    "FeaturePipeline",
    "FeatureTypeOptions",
    "apply_cmvn",
    "format_feature_options",
    "parse_feature_options",
]
