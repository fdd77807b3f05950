"""Framing, filter banks, deltas and CMVN as torch modules with Kaldi's numerics."""

from kws.features.cmvn import Cmvn, CmvnStats, apply_cmvn, reverse_cmvn
from kws.features.deltas import Deltas
from kws.features.fbank import Fbank
from kws.features.mel_options import FbankOptions, MfccOptions
from kws.features.mfcc import Mfcc
from kws.features.options import (
    CmvnOptions,
    DeltaOptions,
    FeatureOptions,
    FeatureTypeOptions,
    format_feature_options,
    parse_feature_options,
)
from kws.features.pipeline import FeaturePipeline
from kws.features.resampling import resample_as_kaldi

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
    "Mfcc",
    "MfccOptions",
    "apply_cmvn",
    "format_feature_options",
    "parse_feature_options",
    "resample_as_kaldi",
    "reverse_cmvn",
]
