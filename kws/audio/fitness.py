"""Whether audio is fit for a detector, and what to do when it is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kws.audio.channels import DEAD_BELOW_DB, SILENT_DBFS
from kws.audio.measures import Measures

# every limit of a fit recording, and why it is where it is; the shares are of 2079 recordings of
# headsets, laptops, telephones and studios from ten corpora, of which 4 % have a finding
# SILENT_DBFS: one of all was below
QUIET_DBFS = -50.0  # below it, noise and 16 bits take the consonants away; 2 % were
CLIPPED_SHARE = 0.001  # one sample in 1000: a few cut peaks are not heard; 0.6 % had more
DC_OFFSET = 0.02  # of full scale: fbank removes it, but it says that the hardware is faulty; 0.2 %
STILL_SHARE = 0.05  # rooms are never digitally silent: gates cut the edges of words off; 0.6 %
BANDWIDTH_SHARE = 0.7  # of the model's: telephones (3.4 of 8 kHz) and 11 kHz audio are below
HUM_BELOW_DB = 25.0  # of the speech: nearer hum fills the lowest bands between the words; 0.5 %
SNR_DB = 6.0  # hardly any word is found below it; the noisiest of all had 9
SNR_DURATION_S = 2.0  # a word cut out tightly has no pause to compare it with
MODEL_RATE = 16000  # what models have unless they say otherwise


@dataclass(frozen=True)
class Finding:
    """One reason why audio is unfit.

    Attributes:
        code: a short name: silent, quiet, clipped, dc, gaps, band, hum, noisy, dead.
        text: what was measured, and the limit.
        remedy: what to do.
    """

    code: str
    text: str
    remedy: str


def findings(measures: Measures, model_rate: int = MODEL_RATE) -> list[Finding]:
    """All that makes audio unfit, the gravest first; none when it is fit.

    Args:
        measures: of the audio as it was recorded.
        model_rate: of the detector, in Hz.
    """
    if measures.level_dbfs < SILENT_DBFS:
        return [_silent(measures)]
    return list(_of_sound(measures, model_rate))


def channel_findings(channels: Sequence[Measures]) -> list[Finding]:
    """The channels that are dead beside a live one.

    Args:
        channels: measures of each channel.
    """
    loudest = max(channels, key=lambda measures: measures.level_dbfs)
    if loudest.level_dbfs < SILENT_DBFS:
        return []
    return [
        Finding(
            "dead",
            f"channel {number} is dead: {measures.level_dbfs:.0f} dBFS beside "
            f"{loudest.level_dbfs:.0f} dBFS in channel {channels.index(loudest)}",
            f"take channel {channels.index(loudest)}, or check the plug",
        )
        for number, measures in enumerate(channels)
        if measures.level_dbfs < loudest.level_dbfs - DEAD_BELOW_DB
    ]


def _silent(measures: Measures) -> Finding:
    if measures.noise_floor_dbfs is None:
        value = f"the constant {measures.dc_offset:.3g}" if measures.dc_offset else "zeros only"
        text = f"silent: {value}"
    else:
        text = f"silent: {measures.level_dbfs:.0f} dBFS at its loudest (below {SILENT_DBFS:.0f})"
    remedy = "see that the microphone is connected, chosen, not muted and allowed to this program"
    return Finding("silent", text, remedy)


def _of_sound(measures: Measures, model_rate: int) -> Iterator[Finding]:
    if measures.level_dbfs < QUIET_DBFS:
        yield Finding(
            "quiet",
            f"too quiet: {measures.level_dbfs:.0f} dBFS at its loudest (at least {QUIET_DBFS:.0f})",
            "come closer or raise the input level",
        )
    if measures.clipped_share > CLIPPED_SHARE:
        yield Finding(
            "clipped",
            f"clipped: {100 * measures.clipped_share:.3g} % of the samples are cut off (at most "
            f"{100 * CLIPPED_SHARE:g} %)",
            "lower the input level or step back",
        )
    if (bandwidth_hz := measures.bandwidth_hz) is not None and (
        bandwidth_hz < BANDWIDTH_SHARE * model_rate / 2
    ):
        yield Finding("band", *_narrow(measures, bandwidth_hz, model_rate))
    if measures.still_share > STILL_SHARE:
        yield Finding(
            "gaps",
            f"digital silence between sounds: {100 * measures.still_share:.0f} % of the time (at "
            f"most {100 * STILL_SHARE:.0f} %)",
            "switch noise gate and noise suppression off; see that no samples are lost",
        )
    snr_db = measures.snr_db
    if measures.duration_s >= SNR_DURATION_S and snr_db is not None and snr_db < SNR_DB:
        yield Finding(
            "noisy",
            f"noisy, or without speech: the loudest is {snr_db:.0f} dB above the quietest (at "
            f"least {SNR_DB:.0f})",
            "speak while it records, come closer, or find the noise",
        )
    if measures.hum_dbfs is not None and measures.hum_dbfs > measures.level_dbfs - HUM_BELOW_DB:
        yield Finding(
            "hum",
            f"hum of {measures.hum_hz} Hz at {measures.hum_dbfs:.0f} dBFS (at least "
            f"{HUM_BELOW_DB:.0f} dB below the speech, which has {measures.level_dbfs:.0f})",
            "check cable, grounding and power supply",
        )
    if abs(measures.dc_offset) > DC_OFFSET:
        yield Finding(
            "dc",
            f"DC offset: {100 * measures.dc_offset:.3g} % of full scale (at most "
            f"{100 * DC_OFFSET:g} %)",
            "the sound card or the microphone's supply is faulty: try another one",
        )


def _narrow(measures: Measures, bandwidth_hz: float, model_rate: int) -> tuple[str, str]:
    """Text and remedy of audio that lacks what the model listens to."""
    if 2 * bandwidth_hz >= measures.sample_rate:
        return (
            f"the sample rate {measures.sample_rate} Hz is too low for a model of {model_rate} Hz",
            f"record at {model_rate} Hz or more",
        )
    return (
        f"nothing above {bandwidth_hz / 1000:.1f} kHz in audio of {measures.sample_rate} Hz: it "
        "was recorded at a lower rate, or came over a telephone or a headset's call mode",
        f"record at {model_rate} Hz or more; headsets by cable, or in another Bluetooth mode",
    )
