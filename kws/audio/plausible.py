"""What a sound file may say of itself: the bounds beyond which its header is not believed."""

from __future__ import annotations

from kws.errors import InputError

LOWEST_RATE, HIGHEST_RATE = 1000, 768_000  # Hz: below is no speech, above no converter
MOST_CHANNELS = 256
MOST_SAMPLES_PER_BYTE = (
    65535  # of one channel: FLAC's longest block, all of one value, has 12 bytes
)
MOST_HEADER_BYTES = 1 << 24  # before the first sample: notes and cover pictures fit
MOST_STORED_BYTES = 1 << 31  # of a pipe whose format is read to its end before it can be decoded


def check_header(place: str, sample_rate: int, num_channels: int) -> None:
    """InputError where the sample rate or the number of channels cannot be meant.

    Args:
        place: the file's name.
        sample_rate: in Hz.
        num_channels: of the file.
    """
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise InputError(
            f"{place}: its header says {sample_rate} Hz; sample rates lie between {LOWEST_RATE} "
            f"and {HIGHEST_RATE} Hz: get or convert it again"
        )
    if not 1 <= num_channels <= MOST_CHANNELS:
        raise InputError(
            f"{place}: its header says {num_channels} channels; 1 to {MOST_CHANNELS} are read: get "
            "or convert it again"
        )


def check_length(place: str, num_samples: int, num_bytes: int) -> None:
    """InputError where a file cannot hold what its header says.

    Args:
        place: the file's name.
        num_samples: of each channel, by the header.
        num_bytes: of the file.
    """
    if num_samples > MOST_SAMPLES_PER_BYTE * num_bytes:
        raise InputError(
            f"{place}: its header says {num_samples} samples, more than its {num_bytes} bytes can "
            "hold: get or convert it again"
        )
