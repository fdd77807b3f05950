import re

import pytest
from runtime_level import METADATA

from kws.errors import InputError
from kws.runtime import Keyword
from kws.runtime.metadata import parse_metadata


def test_entries_as_values():
    metadata = parse_metadata(METADATA, "level.onnx")
    assert metadata.sample_rate == 16000
    assert metadata.frame_shift == 160
    assert metadata.first_samples == 400
    assert metadata.units == ("<filler>", "loud", "louder")
    assert metadata.keywords == (Keyword("loud", (1,)), Keyword("shout", (1, 2)))
    assert metadata.w_max == 20
    assert metadata.thresholds == {"loud": 0.4, "shout": 0.3}
    assert metadata.has_thresholds
    assert metadata.card == {"made": "by hand"}
    assert metadata.settled_frames == 6


def test_what_a_file_need_not_say():
    entries = {name: text for name, text in METADATA.items() if name != "settled_frames"}
    entries["thresholds"] = '{"loud": {"threshold": 0.4}}'
    metadata = parse_metadata(entries, "level.onnx")
    assert metadata.settled_frames is None
    assert not metadata.has_thresholds


AGAIN = "export the model again"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("format", None, "an ONNX file, but no keyword detector; give what `kws export` writes"),
        ("format", "tts", "an ONNX file, but no keyword detector; give what `kws export` writes"),
        (
            "format_version",
            "2",
            "its format_version=2 is newer than 1, the newest that this kws reads; update kws, or "
            + AGAIN,
        ),
        ("format_version", "x", f"its metadata is damaged at format_version='x'; {AGAIN}"),
        ("keywords", None, f"its metadata has no keywords; {AGAIN}"),
        ("keywords", "[1]", f"its metadata is damaged at keywords='[1]'; {AGAIN}"),
        ("keywords", "[]", f"its metadata is damaged at keywords='[]'; {AGAIN}"),
        ("units", "{", f"its metadata is damaged at units='{{'; {AGAIN}"),
        (
            "thresholds",
            '{"a": 1}',
            f"its metadata is damaged at thresholds='{{\"a\": 1}}'; {AGAIN}",
        ),
        ("posterior", "{}", f"its metadata is damaged at posterior='{{}}'; {AGAIN}"),
        ("state_size", "-1", f"its metadata is damaged at state_size='-1'; {AGAIN}"),
        ("frame_shift_s", "0", f"its metadata is damaged at frame_shift_s='0'; {AGAIN}"),
        ("frame_offset_s", "nan", f"its metadata is damaged at frame_offset_s='nan'; {AGAIN}"),
    ],
)
def test_what_cannot_be_used_is_told(name, text, message):
    entries = {**METADATA, name: text}
    if text is None:
        del entries[name]
    with pytest.raises(InputError, match=f"^a.onnx: {re.escape(message)}$"):
        parse_metadata(entries, "a.onnx")
