"""`kws doctor`: whether a microphone or a recording is fit for a detector."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.shared_options import ChannelOption, Device

if TYPE_CHECKING:
    from kws.audio import Channel, Measures

DURATION_S = 6.0


def doctor(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A sound file; without it a device.")
    ] = None,
    device: Device = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            metavar="S", min=1, max=600, help=f"How long to record; without it {DURATION_S:g}."
        ),
    ] = None,
    rate: Annotated[
        int, typer.Option(metavar="R", min=1, help="Sample rate of the model that will listen.")
    ] = 16000,
    channel: ChannelOption = None,
) -> None:
    """Tell whether audio is fit for a detector, and what to do if not.

    A sound file is examined, or a few seconds of a device, during which you speak as you will to
    the detector: level, clipping, DC offset, noise, hum, gaps of digital silence, bandwidth, dead
    channels. The exit status is 0 if all is well and 1 if something was found.

    Examples:
      kws doctor
      kws doctor --device headset --seconds 10
      kws doctor recording.wav
    """
    from kws.audio import channel_findings, findings
    from kws.audio.channels import check_channel
    from kws.errors import InputError

    if file is not None and (device is not None or seconds is not None):
        option = "--device" if device is not None else "--seconds"
        raise InputError(f"{option} is for a device; leave it out, or the file {file}")
    if file is None:
        measures = _of_device(device, DURATION_S if seconds is None else seconds)
        check_channel(channel, len(measures), "the device")
    else:
        measures = _of_file(file, channel)
    # the first channel is what detectors hear unless they are told otherwise; the mean is the last
    heard = measures[-1] if channel == "mean" else measures[channel or 0]
    print(describe(heard))
    found = [*channel_findings(measures), *findings(heard, rate)]
    for finding in found:
        print(f"- {finding.text}: {finding.remedy}")
    if found:
        raise typer.Exit(1)
    print("fit")


def describe(measures: Measures) -> str:
    """The measures in a line."""
    noise, snr, bandwidth = measures.noise_floor_dbfs, measures.snr_db, measures.bandwidth_hz
    parts = [
        f"{measures.duration_s:.1f} s at {measures.sample_rate} Hz",
        f"level {measures.level_dbfs:.0f} dBFS",
        f"peak {measures.peak_dbfs:.0f} dBFS",
        "noise floor none" if noise is None else f"noise floor {noise:.0f} dBFS",
        "" if snr is None else f"SNR {snr:.0f} dB",
        f"clipped {100 * measures.clipped_share:.2f} %",
        f"DC {100 * measures.dc_offset:.2f} %",
        "" if bandwidth is None else f"bandwidth {bandwidth / 1000:.1f} kHz",
    ]
    return ", ".join(part for part in parts if part)


def _of_file(path: Path, channel: Channel) -> list[Measures]:
    """Of each channel, and of their mean where that is asked for."""
    from kws.audio import Measurer, read_header, read_pieces
    from kws.audio.channels import check_channel
    from kws.audio.files import seekable
    from kws.errors import InputError

    with seekable(path, str(path)) as file:
        header = read_header(file, str(path))
        check_channel(channel, header.num_channels, str(path))
        rows = [*range(header.num_channels), *(["mean"] if channel == "mean" else [])]
        measurers = [Measurer(header.sample_rate, header.num_samples) for _ in rows]
        file.seek(0)
        for piece, _ in read_pieces(file, name=str(path)):
            for row, measurer in zip(rows, measurers, strict=True):
                measurer.add(piece.mean(axis=1) if row == "mean" else piece[:, row])
    try:
        return [measurer.measures() for measurer in measurers]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _of_device(choice: str | None, duration_s: float) -> list[Measures]:
    """Of each of the first two channels."""
    from kws.audio import Microphone, choose_device, measure

    device = choose_device(choice)
    with Microphone(device, min(2, device.num_channels)) as microphone:
        print(f"recording {duration_s:g} s of {device.name}: speak now", file=sys.stderr)
        samples = microphone.record(duration_s)
        if microphone.num_overflows or microphone.num_lost:
            print(f"device {device.name!r}: samples are lost (an overrun)", file=sys.stderr)
    return [measure(samples[:, i], device.sample_rate) for i in range(samples.shape[1])]
