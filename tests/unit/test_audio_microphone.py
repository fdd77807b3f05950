"""Devices, their samples and their faults, with a stand-in for PortAudio."""

from __future__ import annotations

import builtins
import subprocess
import sys

import numpy as np
import pytest
from fake_sounddevice import FakeSounddevice, PortAudioError, install

from kws.audio import Microphone, choose_device, input_devices, resample
from kws.audio import microphone as module
from kws.errors import InputError

LIST_THEM = "`kws listen --list-devices` lists them"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    return install(monkeypatch)


def some_samples(duration_s: float, rate: int, channels: int = 1) -> np.ndarray:
    random = np.random.default_rng(0)
    return 0.1 * random.standard_normal((round(duration_s * rate), channels))


def until_gone(chunks):
    """The chunks before the device vanishes, and what is said then."""
    received = []
    with pytest.raises(InputError) as caught:
        for chunk in chunks:
            received.append(chunk)
    return received, str(caught.value)


def test_only_devices_with_inputs_are_listed(fake):
    assert [(d.number, d.name, d.num_channels, d.sample_rate) for d in input_devices()] == [
        (0, "Built-in Microphone", 2, 48000),
        (2, "USB Headset", 1, 44100),
        (3, "USB Headset Pro", 1, 16000),
    ]
    assert [d.is_default for d in input_devices()] == [True, False, False]
    assert {d.interface for d in input_devices()} == {"FakeAudio"}


@pytest.mark.parametrize(
    ("choice", "number"),
    [(None, 0), ("2", 2), ("built", 0), ("usb headset", 2), ("pro", 3), ("USB Headset Pro", 3)],
)
def test_a_device_is_chosen_by_number_or_name(fake, choice, number):
    assert choose_device(choice).number == number


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("7", f"--device 7: there is no such input device; {LIST_THEM}"),
        ("1", f"--device 1: there is no such input device; {LIST_THEM}"),
        ("webcam", f"--device webcam: there is no such input device; {LIST_THEM}"),
        (
            "headset",
            "--device headset: it could be 2 'USB Headset, FakeAudio', 3 'USB Headset Pro, "
            "FakeAudio'; give the number, or more of its name",
        ),
    ],
)
def test_a_choice_that_fits_none_or_several_is_refused(fake, choice, said):
    with pytest.raises(InputError) as caught:
        choose_device(choice)
    assert str(caught.value) == said


def test_one_microphone_through_several_interfaces(fake):
    fake.devices = [*fake.devices, ("USB Headset", 1, 44100.0)]
    fake.reached_by = {4: 1}
    with pytest.raises(InputError) as caught:
        choose_device("USB headset")
    assert str(caught.value) == (
        "--device USB headset: it could be 2 'USB Headset, FakeAudio', 4 'USB Headset, "
        "FakePulse'; give the number, or more of its name"
    )
    for choice in ("4", "usb headset, fakepulse", "headset, fakep", "FakePulse"):
        assert choose_device(choice).number == 4
    assert choose_device("USB Headset, FakeAudio").number == 2


def test_a_part_of_a_name_comes_before_one_of_an_interface(fake):
    fake.devices = [*fake.devices, ("FakePulse", 1, 44100.0), ("Other", 1, 44100.0)]
    fake.reached_by = {5: 1}
    assert choose_device("pulse").number == 4


def test_no_device_and_no_default_are_told(fake):
    fake.default.device = (-1, -1)
    with pytest.raises(InputError, match="no default input device; give --device"):
        choose_device()
    fake.devices = []
    with pytest.raises(InputError, match="there is no input device; connect a microphone"):
        choose_device()


def test_the_package_or_the_library_is_missing(monkeypatch):
    def failing(error):
        def import_or_fail(name, *args, **kwargs):
            if name == "sounddevice":
                raise error
            return original(name, *args, **kwargs)

        return import_or_fail

    original = builtins.__import__
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "__import__", failing(ImportError()))
        with pytest.raises(InputError, match="install it with `pip install sounddevice`"):
            input_devices()
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "__import__", failing(OSError("PortAudio library not found")))
        with pytest.raises(InputError, match="`apt install libportaudio2`"):
            input_devices()


def test_a_device_is_opened_at_its_own_rate(fake):
    with Microphone(choose_device("2")) as microphone:
        until_gone(microphone.blocks())
    (stream,) = fake.streams
    assert stream.options["samplerate"] == 44100
    assert stream.options["channels"] == 1
    assert stream.options["device"] == 2
    assert stream.closed


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_arrives_whole_and_in_order(fake, channel):
    fake.content = some_samples(1.0, 48000, channels=2)
    with Microphone(choose_device("0"), num_channels=2) as microphone:
        received, _ = until_gone(microphone.samples(48000, channel))
    samples = np.concatenate(received)
    np.testing.assert_array_equal(samples, fake.content[:, channel].astype(np.float32) * 32768)


def test_a_channel_that_the_device_lacks(fake):
    with pytest.raises(InputError, match=r"'USB Headset': channel 1: it has 1 channel\(s\)"):
        Microphone(choose_device("2"), num_channels=2)


@pytest.mark.parametrize("device", ["0", "2"])
def test_a_sine_has_no_clicks_at_chunk_edges_after_conversion(fake, device):
    rate = choose_device(device).sample_rate
    times = np.arange(2 * rate) / rate
    fake.content = 0.5 * np.sin(2 * np.pi * 440 * times)[:, None]
    with Microphone(choose_device(device)) as microphone:
        received, _ = until_gone(microphone.samples(16000))
    samples = np.concatenate(received)
    expected = 0.5 * 32768 * np.sin(2 * np.pi * 440 * np.arange(2 * 16000) / 16000)
    assert len(samples) == len(expected)
    # away from the ends, where the filter reaches over the edge; float32 has 24 bits, VHQ 28: a
    # click would be hundreds, rounding is a few thousandths
    assert np.abs(samples - expected)[800:-800].max() < 0.02


def test_conversion_is_that_of_the_whole(fake):
    fake.content = some_samples(1.5, 44100)
    with Microphone(choose_device("2")) as microphone:
        received, _ = until_gone(microphone.samples(16000))
    whole = resample((fake.content[:, 0].astype(np.float32) * 32768), 44100, 16000)
    np.testing.assert_array_equal(np.concatenate(received), whole)


def test_a_device_that_vanishes_is_told_after_its_samples(fake):
    fake.content = some_samples(0.5, 44100)
    with Microphone(choose_device("2")) as microphone:
        received, said = until_gone(microphone.blocks())
    assert sum(map(len, received)) == 22050
    assert said == (
        "device 'USB Headset': has gone; connect it again, or choose another one with --device"
    )


def test_a_device_that_gives_nothing_any_more_is_told(fake, monkeypatch):
    monkeypatch.setattr(module, "STALL_S", 0.05)
    fake.content, fake.ends = some_samples(0.2, 44100), "stall"
    with Microphone(choose_device("2")) as microphone:
        received, said = until_gone(microphone.blocks())
    assert sum(map(len, received)) == 8820
    assert said.startswith("device 'USB Headset': has given no samples for 0.05 s; ")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_told(fake, value):
    fake.content = some_samples(1.0, 16000)
    fake.content[8000] = value
    with Microphone(choose_device("3")) as microphone:
        received, said = until_gone(microphone.blocks())
    assert sum(map(len, received)) == 7680  # the blocks of 80 ms before it
    assert said.startswith("device 'USB Headset Pro': gave samples that are not finite")


def test_stop_ends_the_samples_after_those_that_are_here(fake):
    fake.content, fake.ends = some_samples(1.0, 16000), "stall"
    with Microphone(choose_device("3")) as microphone:
        fake.streams[0].thread.join()
        microphone.stop()
        assert sum(map(len, microphone.samples(16000))) == 16000


def test_what_does_not_fit_into_the_queue_is_counted(fake):
    fake.content = some_samples(12.0, 16000)
    with Microphone(choose_device("3")) as microphone:
        fake.streams[0].thread.join()  # nobody has read meanwhile
        received, _ = until_gone(microphone.blocks())
    assert sum(map(len, received)) == 160000  # 10 s
    assert microphone.num_lost == 32000
    assert microphone.lost_s == 2
    np.testing.assert_array_equal(
        np.concatenate(received)[:, 0], fake.content[:160000, 0].astype(np.float32) * 32768
    )


def test_overruns_that_portaudio_flags_are_counted(fake):
    fake.content, fake.overflow_at = some_samples(1.0, 16000), {2, 5, 6}
    with Microphone(choose_device("3")) as microphone:
        until_gone(microphone.blocks())
    assert (microphone.num_overflows, microphone.num_lost) == (3, 0)


def test_record_takes_as_much_as_it_is_told(fake):
    fake.content = some_samples(1.0, 48000, channels=2)
    with Microphone(choose_device("0"), num_channels=2) as microphone:
        recorded = microphone.record(0.5)
    np.testing.assert_array_equal(recorded, fake.content[:24000].astype(np.float32) * 32768)


def test_a_device_that_is_busy_is_told_in_one_line(fake, capfd):
    fake.failure = PortAudioError(
        "Error opening InputStream: Device unavailable [PaErrorCode -9985]"
    )
    with pytest.raises(InputError) as caught, Microphone(choose_device("2")):
        pass
    assert str(caught.value) == (
        "device 'USB Headset, FakeAudio': cannot be opened (Device unavailable [PaErrorCode "
        f"-9985]); close the program that uses it, or choose another one: {LIST_THEM}"
    )
    assert capfd.readouterr().err == ""


def test_importing_kws_audio_loads_neither_portaudio_nor_torch():
    code = "import sys, kws.audio; print({'sounddevice', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"
