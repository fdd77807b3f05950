"""Any sound file, stream or device as float32 samples at 16-bit scale."""

from kws.audio.background import background, recent_samples
from kws.audio.channels import Channel
from kws.audio.files import (
    FULL_SCALE,
    Header,
    Waveform,
    duration_s,
    num_channels,
    opened_audio,
    read_audio,
    read_audio_chunks,
    read_header,
    read_pieces,
    write_audio,
)
from kws.audio.fitness import Finding, channel_findings, findings
from kws.audio.measures import Measurer, Measures, measure
from kws.audio.microphone import InputDevice, Microphone, choose_device, input_devices
from kws.audio.notices import NOTICES
from kws.audio.resampling import resample, resample_chunks
from kws.audio.stream import Raw, read_stream_chunks

__all__ = [
    "FULL_SCALE",
    "NOTICES",
    "Channel",
    "Finding",
    "Header",
    "InputDevice",
    "Measurer",
    "Measures",
    "Microphone",
    "Raw",
    "Waveform",
    "background",
    "channel_findings",
    "choose_device",
    "duration_s",
    "findings",
    "input_devices",
    "measure",
    "num_channels",
    "opened_audio",
    "read_audio",
    "read_audio_chunks",
    "read_header",
    "read_pieces",
    "read_stream_chunks",
    "recent_samples",
    "resample",
    "resample_chunks",
    "write_audio",
]
