import json
import math
import re
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_level import METADATA

from kws.errors import InputError
from kws.runtime import Keyword, Model, Stream
from kws.runtime.metadata import parse_metadata


def posterior(**changes):
    return json.dumps({**json.loads(METADATA["posterior"]), **changes})


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
    assert metadata.word_offsets == {"loud": (0.0, 0.0), "shout": (0.0, 0.0)}


def test_what_a_file_need_not_say():
    left_out = ("settled_frames", "word_times")
    entries = {name: text for name, text in METADATA.items() if name not in left_out}
    entries["thresholds"] = '{"loud": {"threshold": 0.4}}'
    metadata = parse_metadata(entries, "level.onnx")
    assert metadata.settled_frames is None
    assert metadata.word_offsets == {}
    assert not metadata.has_thresholds


AGAIN = "export the model again"
KEYWORDS = "a list of objects with a name and units (numbers from 0)"
THRESHOLDS = "an object that holds an object with a threshold from 0 to 1 for each keyword"
POSTERIOR = (
    "an object with w_smooth and w_max, frames from 1 to 1000000, and a confidence, chen or ordered"
)
SECONDS = "seconds, above 0, 60 at most"


def refusal(name, text):
    entries = {**METADATA, name: text}
    if text is None:
        del entries[name]
    with pytest.raises(InputError) as raised:
        parse_metadata(entries, "a.onnx")
    return str(raised.value)


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
        ("keywords", None, f"its metadata has no keywords; {AGAIN}"),
        (
            "keywords",
            '[{"name": "loud", "units": [1]}, {"name": "shout", "units": [1, 3]}]',
            f"its metadata is damaged: keyword 'shout' has a unit 3, but they are 0 to 2; {AGAIN}",
        ),
        (
            "units",
            '["<filler>"]',
            f"its metadata is damaged: keyword 'loud' has a unit 1, but they are 0 to 0; {AGAIN}",
        ),
        (
            "frame_shift_s",
            "1e-9",
            "its metadata is damaged: frame_shift_s=1e-09 is less than a sample at 16000 Hz; "
            + AGAIN,
        ),
    ],
)
def test_what_cannot_be_used_is_told(name, text, message):
    assert refusal(name, text) == f"a.onnx: {message}"


@pytest.mark.parametrize(
    ("name", "rule", "texts"),
    [
        ("format_version", "a number, 1 or more", ["x", "0", "1.5", ""]),
        ("sample_rate", "a number of Hz, 1 to 1000000", ["0", "-16000", "16e3", "9" * 5000]),
        ("frame_shift_s", SECONDS, ["0", "-0.01", "nan", "inf", "1e300", "ten"]),
        ("frame_offset_s", SECONDS, ["0", "nan", "-inf", "61"]),
        ("units", "a list of names", ["{", "[]", "3", '{"a": 1}', '["a", 1]', '["a", ""]']),
        ("units", "a list of names", ['"ab"', '["\\ud800", "a", "b"]', "[" * 100000]),
        ("keywords", KEYWORDS, ["[1]", "[]", "{}", '["loud"]', '[{"name": "loud"}]']),
        ("keywords", KEYWORDS, [f'[{{"name": "loud", "units": {u}}}]' for u in ("[]", "1", '"1"')]),
        (
            "keywords",
            KEYWORDS,
            [f'[{{"name": "loud", "units": [{u}]}}]' for u in (-1, 1.0, "true")],
        ),
        ("keywords", KEYWORDS, [f'[{{"name": {n}, "units": [1]}}]' for n in ('""', "1", "null")]),
        ("posterior", POSTERIOR, ["{}", "[]", "null", '{"w_max": 20}']),
        ("posterior", POSTERIOR, [posterior(w_max=w) for w in (0, -1, 1.5, True, "9", 10**7)]),
        ("posterior", POSTERIOR, [posterior(w_smooth=w) for w in (0, None, math.nan)]),
        ("posterior", POSTERIOR, [posterior(confidence=c) for c in ("mean", None, ["chen"])]),
        ("refractory_s", "seconds, 0 to 86400", ["-1", "nan", "inf", "1e308", ""]),
        ("thresholds", THRESHOLDS, ['{"a": 1}', '{"a": {}}', "[]", '{"a": []}', '{"a": "b"}']),
        (
            "thresholds",
            THRESHOLDS,
            [
                f'{{"loud": {{"threshold": {x}}}}}'
                for x in ("NaN", "Infinity", -0.1, "1.0000000000000002", 10**400, "true", '"0.5"')
            ],
        ),
        ("state_size", "a number of values, 0 to 100000000", ["-1", "10000000000", "1e3"]),
        ("settled_frames", "a number of frames, 0 or more", ["-1", "soon"]),
        ("weights", "float32 or int8", ["", "float64", "8"]),
        ("card", "an object", ["", "[]", "null", '"a"']),
    ],
)
def test_damage_is_told_with_the_rule(name, rule, texts):
    for text in texts:
        assert refusal(name, text) == (
            f"a.onnx: its metadata is damaged at {name}={text[:40]!r}: it must be {rule}; {AGAIN}"
        )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    # such as are nearly right
    | st.sampled_from([0.5, 1, 2, "chen", "loud", 10**400, [1], [0, 7]]),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "units", "threshold", "w_max", "w_smooth", "confidence", "loud"]
            ),
            values,
            max_size=4,
        )
    ),
    max_leaves=8,
)
texts = json_values.map(json.dumps) | st.text(max_size=20) | st.floats().map(str)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(METADATA)), st.none() | texts, max_size=3))
def test_whatever_is_in_a_file_it_is_used_or_refused_in_one_line(changes):
    entries = {name: text for name, text in {**METADATA, **changes}.items() if text is not None}
    try:
        model = Model(mock.Mock(), parse_metadata(entries, "a.onnx"), "a.onnx")
    except InputError as error:
        assert re.fullmatch(r"a\.onnx: .+; (export|give|update) .+", str(error))
    else:
        names = [keyword.name for keyword in model.metadata.keywords]
        assert list(Stream(model, 0.5).thresholds) == list(dict.fromkeys(names))
