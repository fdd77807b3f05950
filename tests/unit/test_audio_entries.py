"""What an entry of wav.scp names: files, sounds in archives, commands that need not be run."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import read_audio, read_header
from kws.audio.entries import Sound, sound_of
from kws.errors import InputError
from kws.shell import output_of_command

RATE = 16000
SHORTEN = (
    b"NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 1000\nsample_rate -i 16000\n"
    b"sample_n_bytes -i 2\nsample_byte_format -s2 01\nsample_sig_bits -i 16\n"
    b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
).ljust(1024) + b"ajkg\x02\xfb\xb1\x70"


def noise(seed: int, num_samples: int = RATE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, num_samples).astype(np.int16)


def encoded(samples: np.ndarray, file_format: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, "PCM_16", format=file_format)
    return file.getvalue()


def in_kaldiio(content: bytes) -> bytes:
    """What kaldiio writes for a sound: how many bytes its length takes, its length, the file."""
    num_bytes = (len(content).bit_length() + 7) // 8
    return b"AUDIO" + bytes([num_bytes]) + len(content).to_bytes(num_bytes, "little") + content


FORMS: dict[str, Callable[[np.ndarray], bytes]] = {
    "wav": lambda samples: encoded(samples, "WAV"),
    "flac": lambda samples: encoded(samples, "FLAC"),
    "flac in kaldiio's frame": lambda samples: in_kaldiio(encoded(samples, "FLAC")),
}


def write_archive(path: Path, contents: list[bytes]) -> list[int]:
    """Entries `uttN CONTENT`; returns where each content begins."""
    archive, offsets = b"", []
    for number, content in enumerate(contents):
        archive += b"utt%d " % number
        offsets.append(len(archive))
        archive += content
    path.write_bytes(archive)
    return offsets


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_sound_of_an_archive_is_its_own_and_ends_where_it_does(
    tmp_path: Path, form: Callable[[np.ndarray], bytes]
) -> None:
    # lengths of one frame of FLAC, of less, of many
    all_samples = [noise(seed, length) for seed, length in enumerate((3 * RATE, 100, RATE, 4096))]
    offsets = write_archive(tmp_path / "a.ark", list(map(form, all_samples)))
    for samples, offset in zip(all_samples, offsets, strict=True):
        sound = sound_of(f"{tmp_path}/a.ark:{offset}")
        assert sound == Sound(f"{tmp_path}/a.ark", offset)
        with sound.opened() as file:
            assert read_header(file).num_samples == len(samples)
        for start in range(0, len(samples), 1 + len(samples) // 7):
            with sound.opened() as file:
                part = read_audio(file, start_s=start / RATE).samples
            assert np.array_equal(part, samples[start:])


def test_a_file_whose_own_name_ends_in_a_number_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "at 10:30"
    path.write_bytes(encoded(noise(0), "WAV"))
    sound = sound_of(str(path))
    assert sound == Sound(str(path))
    with sound.opened() as file:
        assert np.array_equal(read_audio(file).samples, noise(0))


@pytest.mark.parametrize(
    ("content", "offset", "message"),
    [
        (encoded(noise(0), "WAV"), 7, ":7: neither wav nor FLAC begins there; make the scp anew"),
        (encoded(noise(0), "WAV"), 10**17, "neither wav nor FLAC begins there"),
        (b"\0BFM \4", 5, "neither wav nor FLAC"),
        (encoded(noise(0), "WAV")[:-1], 5, "says 32044 bytes, but the archive ends after 32043"),
        (in_kaldiio(encoded(noise(0), "FLAC"))[:-1], 5, "bytes, but the archive ends after"),
        (b"AUDIO", 5, "neither wav nor FLAC"),
        (b"AUDIO\xff" + 200 * b"\xff", 5, "bytes, but the archive ends after"),
    ],
)
def test_where_no_sound_begins_or_ends_is_told(
    tmp_path: Path, content: bytes, offset: int, message: str
) -> None:
    write_archive(tmp_path / "a.ark", [content])
    sound = sound_of(f"{tmp_path}/a.ark:{offset}")
    assert sound is not None
    with pytest.raises(InputError) as caught, sound.opened() as file:
        read_audio(file, name=sound.name)
    assert str(caught.value).startswith(f"{tmp_path}/a.ark:{offset}: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("command", "sound"),
    [
        ("flac -c -d -s a.flac |", Sound("a.flac")),
        ("flac -cds 'a b.flac'|", Sound("a b.flac")),
        ("/usr/bin/flac a.flac -s -d -c |", Sound("a.flac")),
        ("flac --decode --stdout --totally-silent a.flac |", Sound("a.flac")),
        ("sph2pipe -f wav a.sph |", Sound("a.sph")),
        ("tools/sph2pipe -p -c 1 -f wav a.sph |", Sound("a.sph", channel=0)),
        ("sph2pipe -fwav -pc2 a\\ b.sph |", Sound("a b.sph", channel=1)),
        ("sox a.mp3 -t wav - |", Sound("a.mp3")),
        ('sox "a (1).ogg" -t wav -|', Sound("a (1).ogg")),
    ],
)
def test_a_command_that_only_decodes_names_its_file(command: str, sound: Sound) -> None:
    assert sound_of(command) == sound


@pytest.mark.parametrize(
    "command",
    [
        "cat a.wav |",
        "flac -d a.flac |",  # writes a file
        "flac -c -s a.wav |",  # encodes
        "flac -c -d --skip=10 a.flac |",
        "flac -c -d a.flac b.flac |",
        "flac -c -d - |",
        "flac -c -d |",
        "flac -c -d 'a.flac |",
        "flac -c -d a.flac > b |",
        "flac -c -d a.flac; rm a.flac |",
        "flac -c -d a.flac & rm a.flac |",
        "flac -c -d a.flac | sox -t wav - -t wav - speed 1.1 |",
        "flac -c -d `ls` |",
        "flac -c -d $(ls) |",
        "flac -c -d *.flac |",
        "flac -c -d ~/a.flac |",
        "flac -c -d {a,b}.flac |",
        "PATH=. flac -c -d a.flac |",
        "sph2pipe a.sph |",
        "sph2pipe -f raw a.sph |",
        "sph2pipe -f wav -t 1:2 a.sph |",
        "sph2pipe -f wav -u a.sph |",
        "sph2pipe -f wav -c 3 a.sph |",
        "sox a.wav -r 16000 -t wav - |",
        "sox a.wav -t wav - rate 16k |",
        "sox -v 0.5 a.wav -t wav - |",
        "sox a.wav b.wav -t wav - |",
        "sox a.wav -t raw - |",
        "sox - -t wav - |",
        "sox |",
        "|",
    ],
)
def test_any_other_command_has_to_be_run(command: str) -> None:
    assert sound_of(command) is None


def test_shorten_is_named_and_left_to_its_program_where_commands_are_allowed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(SHORTEN)
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert str(caught.value) == (
        f"{path}: is SPHERE compressed by shorten, which libsndfile does not read; convert it "
        "(sph2pipe -f wav F.sph F.wav), or write `sph2pipe -f wav F.sph |` for it into wav.scp and "
        "give --allow-commands"
    )
    command = f"sph2pipe -f wav {path} |"
    assert sound_of(command) == Sound(str(path))
    assert sound_of(command, allow_commands=True) is None
    path.write_bytes(encoded(noise(0), "NIST"))
    assert sound_of(command, allow_commands=True) == Sound(str(path))
    path.unlink()  # nothing that the program could do better
    assert sound_of(command, allow_commands=True) == Sound(str(path))


@pytest.mark.parametrize("program", ["flac", "sph2pipe", "sox"])
def test_what_is_read_is_what_the_program_itself_gives(tmp_path: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    stereo = np.stack([noise(1), noise(2)], axis=1)
    for name in ("a.flac", "a.wav"):
        soundfile.write(tmp_path / name, stereo, RATE, "PCM_24")
    for subtype in ("PCM_16", "ULAW"):
        soundfile.write(tmp_path / f"{subtype}.sph", stereo, RATE, subtype, format="NIST")
    commands = {
        "flac": [f"flac -c -d -s {tmp_path}/a.flac |", f"flac -dc {tmp_path}/a.flac |"],
        "sph2pipe": [
            f"sph2pipe -f wav {options} {tmp_path}/{subtype}.sph |"
            for options in ("", "-p", "-c 1", "-p -c 2")
            for subtype in ("PCM_16", "ULAW")
        ],
        "sox": [
            f"sox {tmp_path}/{name} -t wav - |" for name in ("a.wav", "PCM_16.sph", "ULAW.sph")
        ],
    }
    for command in commands[program]:
        done = output_of_command(command[:-1])
        assert done.returncode == 0, done.stderr
        sound = sound_of(command)
        assert sound is not None
        with sound.opened() as file:
            read = read_audio(file, channel=sound.channel or 0).samples
        assert np.array_equal(read, read_audio(io.BytesIO(done.stdout), channel=0).samples), command
