"""Any sound file or stream as float32 samples at 16-bit scale."""

from kws.audio.files import FULL_SCALE, Waveform, duration_s, read_audio, write_audio
from kws.audio.notices import NOTICES
from kws.audio.resampling import resample, resample_chunks
from kws.audio.stream import read_raw_chunks

__all__ = [
    "FULL_SCALE",
    "NOTICES",
    "Waveform",
    "duration_s",
    "read_audio",
    "read_raw_chunks",
    "resample",
    "resample_chunks",
    "write_audio",
]
