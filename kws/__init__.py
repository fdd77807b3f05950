"""Kaldi-style acoustic models and a small-footprint keyword spotter."""

__version__ = "0.1.0"
