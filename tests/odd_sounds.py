"""The odd sound files of `make_odd_inputs`."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import soundfile
from odd_input import Odd

RATE = 16000
Samples = npt.NDArray[np.floating]
REFUSED = 2


def speech_like(rate: int = RATE, duration_s: float = 1.0) -> Samples:
    """A tone that swells twice, with some noise: (S,) in [-1, 1]."""
    times = np.arange(round(rate * duration_s)) / rate
    noise = np.random.default_rng(0).standard_normal(len(times))
    swell = np.sin(2 * np.pi * times / duration_s) ** 2
    return np.asarray(0.3 * swell * np.sin(2 * np.pi * 300 * times) + 0.003 * noise)


def encoded(samples: Samples, rate: int, kind: str, coding: str, endian: str = "FILE") -> bytes:
    """The bytes of a sound file: samples (S,) or (S, channels) in [-1, 1]."""
    content = io.BytesIO()
    soundfile.write(content, samples, rate, subtype=coding, endian=endian, format=kind)
    return content.getvalue()


def wav(
    body: bytes,
    rate: int = RATE,
    channels: int = 1,
    bits: int = 16,
    size: int | None = None,
    data_size: int | None = None,
) -> bytes:
    """A wav whose header may say what is not so (sizes: None: the truth)."""
    data_size = len(body) if data_size is None else data_size
    size = 36 + len(body) if size is None else size
    step = min(channels * bits // 8, 65535)
    layout = struct.pack("<HHIIHH", 1, channels, rate, rate * step % 2**32, step, bits)
    head = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<I", 16) + layout
    return head + b"data" + struct.pack("<I", data_size) + body


def rf64(body: bytes, length: int) -> bytes:
    """An RF64 file that says it holds `length` bytes of samples."""
    layout = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    sizes = struct.pack("<QQQI", min(length + 72, 2**64 - 1), length, length // 2, 0)
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(sizes)) + sizes
    return head + b"fmt " + struct.pack("<I", 16) + layout + b"data\xff\xff\xff\xff" + body


def sphere(body: bytes, coding: str = "pcm") -> bytes:
    """A NIST SPHERE file of one channel with 16 bits."""
    fields = (
        f"NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i {RATE}\nsample_n_bytes -i 2\n"
        f"sample_count -i {len(body) // 2}\nsample_byte_format -s2 01\n"
        f"sample_coding -s{len(coding)} {coding}\nend_head\n"
    )
    return fields.encode().ljust(1024, b" ") + body


def odd_sounds() -> Iterator[tuple[Odd, bytes]]:
    """Every odd sound file, by kind."""
    for number, (kind, coding, suffix, what) in enumerate(CODINGS):
        if soundfile.check_format(kind, coding):
            name = f"sounds/coding-{number:02d}-{suffix}"
            yield Odd(name, what), encoded(speech_like(), RATE, kind, coding)
    big = encoded(speech_like(), RATE, "WAV", "PCM_16", "BIG")
    yield Odd("sounds/coding-rifx.wav", "a wav with its bytes in the other order"), big
    for rate in (8000, 11025, 22050, 44100, 48000, 96000, 192000):
        content = encoded(speech_like(rate), rate, "WAV", "PCM_16")
        finds = "too low" if rate < RATE else ""
        yield Odd(f"sounds/rate-{rate}.wav", f"{rate} Hz", says="converted", finds=finds), content
    yield from _contents()
    yield from _channels()
    yield from _broken()
    yield from _lying()


CODINGS = [
    ("WAV", "PCM_U8", "8bit.wav", "8-bit wav"),
    ("WAV", "PCM_24", "24bit.wav", "24-bit wav"),
    ("WAV", "PCM_32", "32bit.wav", "32-bit wav"),
    ("WAV", "FLOAT", "float.wav", "wav of 32-bit floats"),
    ("WAV", "DOUBLE", "double.wav", "wav of 64-bit floats"),
    ("WAV", "ULAW", "ulaw.wav", "wav in mu-law, as telephones give it"),
    ("WAV", "ALAW", "alaw.wav", "wav in A-law, as telephones give it"),
    ("WAV", "IMA_ADPCM", "adpcm.wav", "wav in IMA ADPCM"),
    ("WAV", "GSM610", "gsm.wav", "wav in GSM 6.10"),
    ("WAVEX", "PCM_16", "wavex.wav", "wav with the extensible header"),
    ("RF64", "PCM_16", "rf64.wav", "RF64, a wav that may be longer than 4 GB"),
    ("W64", "PCM_16", "sony.w64", "W64, Sony's wav"),
    ("AIFF", "PCM_16", "apple.aiff", "AIFF"),
    ("AU", "PCM_16", "sun.au", "AU of 16 bits"),
    ("AU", "ULAW", "ulaw.au", "AU in mu-law"),
    ("CAF", "PCM_16", "apple.caf", "CAF"),
    ("NIST", "PCM_16", "nist.sph", "SPHERE of 16 bits"),
    ("NIST", "ULAW", "ulaw.sph", "SPHERE in mu-law"),
    ("FLAC", "PCM_16", "lossless.flac", "FLAC"),
    ("OGG", "VORBIS", "vorbis.ogg", "Ogg Vorbis"),
    ("OGG", "OPUS", "opus.opus", "Ogg Opus"),
    ("MP3", "MPEG_LAYER_III", "layer3.mp3", "MP3"),
]


def pcm16(samples: Samples) -> bytes:
    return (np.clip(samples, -1, 32767 / 32768) * 32768).astype("<i2").tobytes()


def _contents() -> Iterator[tuple[Odd, bytes]]:
    """What a microphone or a program may have put into a sound file."""
    speech, name = speech_like(), "sounds/content-"
    silence = np.zeros(RATE)
    offset = np.full(RATE, 0.3)
    clipped = np.clip(20 * speech, -1, 1)
    yield Odd(f"{name}silent.wav", "digital silence", finds="silent"), wav(pcm16(silence))
    yield Odd(f"{name}constant.wav", "a constant, no sound", finds="constant"), wav(pcm16(offset))
    yield Odd(f"{name}clipped.wav", "clipped speech", finds="clip"), wav(pcm16(clipped))
    yield (
        Odd(f"{name}quiet.wav", "speech 60 dB too quiet", finds="silent"),
        wav(pcm16(speech / 1000)),
    )
    yield (
        Odd(f"{name}offset.wav", "speech on a constant", finds="DC"),
        wav(pcm16(speech / 2 + offset)),
    )
    for value in (np.nan, np.inf):
        bad = speech.copy()
        bad[5000:5010] = value
        yield (
            Odd(f"{name}{value}.wav", f"floats with {value} among them", REFUSED, "finite"),
            encoded(bad, RATE, "WAV", "FLOAT"),
        )
    loud = encoded(speech * 1e4, RATE, "WAV", "FLOAT")
    yield Odd(f"{name}loud.wav", "floats far above 1", says="full scale", finds="clip"), loud
    short = "shorter than a frame"
    yield Odd(f"{name}short.wav", short, finds=None), wav(pcm16(speech[:100]))
    yield (
        Odd(f"{name}no-samples.wav", "a header and no samples", REFUSED, "no samples"),
        wav(b""),
    )


def _channels() -> Iterator[tuple[Odd, bytes]]:
    speech, silence, name = speech_like(), np.zeros(RATE), "sounds/channels-"
    used = "channel 0 is used"
    both = np.stack([speech, speech], axis=1)
    left = np.stack([silence, speech], axis=1)
    right = np.stack([speech, silence], axis=1)
    eight = np.stack([speech * 2.0**-i for i in range(8)], axis=1)
    yield Odd(f"{name}2.wav", "stereo, twice the same", says=used), wav(pcm16(both), channels=2)
    yield (
        Odd(
            f"{name}dead-left.wav",
            "stereo whose first channel is silent",
            says="silent",
            finds="silent",
        ),
        wav(pcm16(left), channels=2),
    )
    yield (
        Odd(
            f"{name}dead-right.wav",
            "stereo whose second channel is silent",
            says=used,
            finds="dead",
        ),
        wav(pcm16(right), channels=2),
    )
    yield (
        Odd(f"{name}opposite.wav", "stereo whose channels cancel out", says=used),
        wav(pcm16(np.stack([speech, -speech], axis=1)), channels=2),
    )
    yield Odd(f"{name}8.wav", "an array of 8 microphones", says=used), wav(pcm16(eight), channels=8)


def _broken() -> Iterator[tuple[Odd, bytes]]:
    """Files that are not what their names say, or not whole."""
    body, name = pcm16(speech_like()), "sounds/broken-"
    whole = wav(body)
    flac = encoded(speech_like(), RATE, "FLAC", "PCM_16")
    for which, content, what, says in (
        ("empty.wav", b"", "an empty file", "empty"),
        ("text.wav", b"hello, I am a text\n" * 20, "a text named .wav", "text"),
        ("page.wav", b"<!DOCTYPE html>\n<html>404</html>\n", "a web page named .wav", "text"),
        ("zeros.wav", bytes(5000), "zeros: a download that was cut off", "no sound file"),
        ("header.wav", whole[:20], "a wav cut in its header", "header"),
        ("renamed.wav", b"\x00\x00\x00\x20ftypM4A " + bytes(500), "an M4A named .wav", "M4A"),
        ("webm.wav", b"\x1aE\xdf\xa3" + bytes(500), "a browser's WebM named .wav", "WebM"),
        ("amr.wav", b"#!AMR\n" + bytes(500), "a telephone's AMR named .wav", "AMR"),
        ("pointer.wav", POINTER, "a Git LFS pointer in place of the sound", "text"),
        ("shorten.sph", sphere(body, "pcm,embedded-shorten-v2.00"), "shorten in SPHERE", "shorten"),
        ("head.flac", flac[:30], "a FLAC cut in its header", "FLAC"),
    ):
        yield Odd(f"{name}{which}", what, REFUSED, says), content
    cut = whole[: 44 + 20000]
    yield Odd(f"{name}cut.wav", "a wav cut off in its samples", says="ends before"), cut
    yield Odd(f"{name}odd.wav", "a wav with half a sample at its end", says=None), whole[:-1]
    yield Odd(f"{name}mp3-named.wav", "a FLAC named .wav"), flac
    yield Odd(f"{name}tail.wav", "a wav with a note after its samples"), whole + NOTE


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 32044\n"
NOTE = b"LIST" + struct.pack("<I", 12) + b"INFOICMTwhat"


def _lying() -> Iterator[tuple[Odd, bytes]]:
    """Headers that say what cannot be; none may cost memory or minutes."""
    body, name = pcm16(speech_like()), "sounds/lie-"
    for which, content, what, line in (
        ("rate-0.wav", wav(body, rate=0), "a rate of 0 Hz", None),
        ("rate-1.wav", wav(body, rate=1), "a rate of 1 Hz", None),
        ("rate-2g.wav", wav(body, rate=2**31), "a rate of 2 GHz", None),
        ("rate-4g.wav", wav(body, rate=2**32 - 1), "a rate of 4 GHz", None),
        ("channels-0.wav", wav(body, channels=0), "no channels", None),
        ("channels-65535.wav", wav(body, channels=65535), "65535 channels", None),
        ("bits-0.wav", wav(body, bits=0), "samples of 0 bits", None),
        ("bits-255.wav", wav(body, bits=255), "samples of 255 bits", None),
    ):
        yield Odd(f"{name}{which}", what, REFUSED, line), content
    for which, content, what in (
        ("size-4g.wav", wav(body, size=2**32 - 1, data_size=2**32 - 1), "a length of 4 GB"),
        ("stream.wav", wav(body, size=2**31 - 1, data_size=2**31 - 37), "a pipe's length, 2 GB"),
        ("length-2-62.wav", rf64(body, 2**62), "an RF64 of 2^62 bytes"),
    ):
        yield Odd(f"{name}{which}", what), content
    yield (
        Odd(f"{name}size-0.wav", "a pipe's length, 0"),
        wav(body, size=0, data_size=0),
    )
