"""What makes audio unfit, each finding on both sides of its limit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kws.audio import Measures, channel_findings, findings, measure
from kws.audio import fitness as limits

FIT = Measures(
    duration_s=5.0,
    sample_rate=16000,
    peak_dbfs=-6.0,
    level_dbfs=-20.0,
    noise_floor_dbfs=-60.0,
    clipped_share=0.0,
    dc_offset=0.0,
    still_share=0.0,
    bandwidth_hz=8000.0,
    hum_hz=None,
    hum_dbfs=None,
)
AT_THE_LIMIT = [
    ("quiet", {"level_dbfs": limits.QUIET_DBFS}, {"level_dbfs": limits.QUIET_DBFS - 0.1}),
    (
        "clipped",
        {"clipped_share": limits.CLIPPED_SHARE},
        {"clipped_share": 1.01 * limits.CLIPPED_SHARE},
    ),
    ("band", {"bandwidth_hz": 5600.0}, {"bandwidth_hz": 5599.0}),
    ("gaps", {"still_share": limits.STILL_SHARE}, {"still_share": 1.01 * limits.STILL_SHARE}),
    ("noisy", {"noise_floor_dbfs": -26.0}, {"noise_floor_dbfs": -25.9}),
    ("noisy", {"noise_floor_dbfs": -20.0, "duration_s": 1.9}, {"noise_floor_dbfs": -20.0}),
    ("hum", {"hum_hz": 50, "hum_dbfs": -45.0}, {"hum_hz": 50, "hum_dbfs": -44.9}),
    ("dc", {"dc_offset": -limits.DC_OFFSET}, {"dc_offset": -1.01 * limits.DC_OFFSET}),
    ("silent", {"level_dbfs": -60.0}, {"level_dbfs": -76.0}),
]


def with_values(**values):
    return dataclasses.replace(FIT, **values)


def codes(found):
    return [finding.code for finding in found]


def test_a_good_recording_has_no_finding():
    assert findings(FIT) == []


@pytest.mark.parametrize(("code", "fit", "unfit"), AT_THE_LIMIT)
def test_each_limit_has_two_sides(code, fit, unfit):
    assert code not in codes(findings(with_values(**fit)))
    found = findings(with_values(**unfit))
    assert codes(found) == [code]
    assert found[0].text
    assert found[0].remedy


def test_a_silent_recording_has_no_further_finding():
    silence = measure(np.zeros(16000), 16000)
    (finding,) = findings(silence)
    assert (finding.code, finding.text) == ("silent", "silent: zeros only")
    (finding,) = findings(measure(np.full(16000, 328.0), 16000))
    assert finding.text == "silent: the constant 0.01"


def test_several_faults_are_all_found():
    faults = with_values(clipped_share=0.01, dc_offset=0.1, still_share=0.2)
    assert codes(findings(faults)) == ["clipped", "gaps", "dc"]


def test_a_low_rate_and_a_narrow_band_are_told_apart():
    (low,) = findings(with_values(sample_rate=8000, bandwidth_hz=4000.0))
    assert low.text == "the sample rate 8000 Hz is too low for a model of 16000 Hz"
    (narrow,) = findings(with_values(bandwidth_hz=3700.0))
    assert narrow.text.startswith("nothing above 3.7 kHz in audio of 16000 Hz: ")
    assert findings(with_values(sample_rate=8000, bandwidth_hz=4000.0), model_rate=8000) == []


def test_a_dead_channel_is_named_beside_the_live_one():
    dead = with_values(level_dbfs=-61.0)
    (finding,) = channel_findings([dead, FIT])
    assert finding.text == "channel 0 is dead: -61 dBFS beside -20 dBFS in channel 1"
    assert finding.remedy == "take channel 1, or check the plug"
    assert channel_findings([FIT, with_values(level_dbfs=-60.0)]) == []
    assert channel_findings([FIT]) == []


def test_two_silent_channels_are_not_called_dead():
    assert channel_findings([with_values(level_dbfs=-float("inf"))] * 2) == []
