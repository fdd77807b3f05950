"""The C interface of libespeak-ng (speak_lib.h), as far as it is used here."""

from __future__ import annotations

import ctypes
import functools
from types import ModuleType

from kws.errors import InputError

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, nothing is played
PHONEME_EVENTS, DONT_EXIT = 0x0001, 0x8000
UTF8, PHONEMES_IN_BRACKETS = 0x0001, 0x0100
IPA = 0x0002  # of espeak_TextToPhonemes
RATE, VOLUME, PITCH, PITCH_RANGE, WORD_GAP = 1, 2, 3, 4, 7
EVENT_END_OF_LIST, EVENT_WORD, EVENT_CLAUSE_END, EVENT_PHONEME = 0, 1, 5, 7


class EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class CEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", EventId),
    )


class CVoice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(CEvent)
)


def require_espeak() -> ModuleType:
    """The package that carries the espeak-ng library and its voices.

    Raises:
        InputError: it is not installed.
    """
    try:
        import espeakng_loader
    except ImportError:
        raise InputError(
            "espeakng-loader: not installed, and speech synthesis needs it; "
            'run `pip install "kws[train]"`'
        ) from None
    return espeakng_loader  # type: ignore[no-any-return]


@functools.cache
def library() -> tuple[ctypes.CDLL, int]:
    """The library, initialised, and its sample rate."""
    loader = require_espeak()
    data_path = loader.get_data_path()
    try:
        espeak = ctypes.CDLL(loader.get_library_path())
    except OSError as error:
        raise InputError(f"espeak-ng: {error}; reinstall espeakng-loader") from None
    espeak.espeak_Initialize.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
    espeak.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    espeak.espeak_ListVoices.argtypes = (ctypes.POINTER(CVoice),)
    espeak.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(CVoice))
    espeak.espeak_GetCurrentVoice.restype = ctypes.POINTER(CVoice)
    espeak.espeak_TextToPhonemes.argtypes = (
        ctypes.POINTER(ctypes.c_char_p),
        ctypes.c_int,
        ctypes.c_int,
    )
    espeak.espeak_TextToPhonemes.restype = ctypes.c_char_p
    espeak.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    sample_rate = espeak.espeak_Initialize(
        SYNCHRONOUS, 0, str(data_path).encode(), PHONEME_EVENTS | DONT_EXIT
    )
    if sample_rate <= 0:
        raise InputError(f"espeak-ng: no voices in {data_path}; reinstall espeakng-loader")
    espeak.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath is noise, seeded by the clock before
    return espeak, sample_rate
