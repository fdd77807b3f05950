"""What a sound is, by its first bytes."""

from __future__ import annotations

HEAD_BYTES = 16  # that tell all kinds but MP3
MP3_BYTES = 1445  # its longest frame, and the head of the next
_SOUNDS = {
    b"RIFF": "wav",
    b"RIFX": "wav",
    b"RF64": "wav",
    b".snd": "AU",
    b"dns.": "AU",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"caff": "CAF",
    b"riff\x2e\x91\xcf\x11\xa5\xd6": "W64",
    b"NIST_1A": "SPHERE",
    b"ID3\x02": "MP3",
    b"ID3\x03": "MP3",
    b"ID3\x04": "MP3",
}
_FOREIGN = {
    b"#!AMR": "AMR",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"0&\xb2u\x8ef\xcf\x11": "WMA",
    b"ADIF": "AAC",
    b"FLV\x01": "FLV",
}
_BIT_RATES = {  # kbit/s of layer III, by whether it is MPEG 1
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def sound_kind(head: bytes) -> str | None:
    """The name of a kind of sound file that is read; None where the bytes begin none.

    Args:
        head: the first `HEAD_BYTES`; MP3 without notes in front is told by `MP3_BYTES` only.
    """
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    found = (kind for magic, kind in _SOUNDS.items() if head.startswith(magic))
    return next(found, "MP3" if _is_mp3(head) else None)


def foreign_kind(head: bytes) -> str | None:
    """The name of a kind of sound file that is not read; None where the bytes begin none."""
    if head[4:8] == b"ftyp":
        return "MP4 or M4A"
    return next((kind for magic, kind in _FOREIGN.items() if head.startswith(magic)), None)


def may_be_mp3(head: bytes) -> bool:
    """Whether more bytes are needed to tell raw samples from MP3."""
    return _mp3_frame(head) is not None


def _is_mp3(head: bytes) -> bool:
    """Whether a frame of MP3 is followed by another of the same kind: raw samples are not."""
    length = _mp3_frame(head)
    return (
        length is not None
        and head[length : length + 2] == head[:2]
        and bool(_mp3_frame(head[length:]))
    )


def _mp3_frame(head: bytes) -> int | None:
    """The length in bytes of the frame of MPEG layer III that begins here."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, rate, bits = (head[1] >> 3) & 3, (head[2] >> 2) & 3, head[2] >> 4
    if version == 1 or rate == 3 or bits in (0, 15):
        return None
    per_frame = 144 if version == 3 else 72
    bit_rate = 1000 * _BIT_RATES[version == 3][bits]
    return per_frame * bit_rate // _RATES[version][rate] + ((head[2] >> 1) & 1)
