"""The one door for JSON: exactly one strict value comes in, anything else is refused with a place."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.errors import InputError
from graph.json import MAX_DEPTH, MAX_VALUES, Json, canonical, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        (b'{"a": [1, 2.5, "x", true, null]}', {"a": [1, 2.5, "x", True, None]}),
        ("\ufeff[]", []),
        (b"\xef\xbb\xbf[]", []),
        (" 7 ", 7),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("-0.0", -0.0),
        ("1e300", 1e300),
        ("9" * 100, int("9" * 100)),
    ],
)
def test_strict_json_is_read(text: str | bytes, value: Json) -> None:
    assert loads(text) == value


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("", "nothing in it"),
        ("# A heading", "another kind of file"),
        ('{"a": 1,}', "no comma"),
        ("[1,]", "no comma"),
        ("{'a': 1}", "double quotes"),
        ('{"a" 1}', "colon"),
        ('{"a": }', "value is expected"),
        ('{"a": 1 "b": 2}', "comma"),
        ('{"a": "x', "closing quote"),
        ('{"a": "x\ny"}', "line break"),
        ('{"a": "\\x"}', "backslash"),
        ("{} {}", "end there"),
        ("{", "name in double quotes"),
        ("[NaN]", "finite number"),
        ("[" * 300 + "]" * 300, "at most 200 deep"),
    ],
)
def test_a_refusal_says_what_to_do(text: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(text)
    assert remedy in str(caught.value.problems[0].hint)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        pytest.param("", "json_syntax", "it is empty", id="nothing"),
        pytest.param('{"a": 1,}', "json_syntax", "line 1, column 9", id="trailing comma"),
        pytest.param("{'a': 1}", "json_syntax", "line 1, column 2", id="single quotes"),
        pytest.param("[1] [2]", "json_syntax", "column 5", id="two values"),
        pytest.param("[1\n 2]", "json_syntax", "line 2", id="place in a later line"),
        pytest.param(
            '{"a": 1, "b": 2, "a": 3}',
            "json_duplicate_key",
            "'a' twice in one object, the second time at line 1, column 18",
            id="a key twice",
        ),
        pytest.param('[{"x": {"y": 1, "y": 1}}]', "json_duplicate_key", "'y'", id="a key twice, deep"),
        pytest.param(
            '[{"y": "a\\", {", "x": [1, 2]},\n {"y": {"y": 1}, "\\u0079": 2}]',
            "json_duplicate_key",
            "line 2, column 18",
            id="a key twice, spelled otherwise",
        ),
        pytest.param('{"a": 1, "n":\n  [2.5, NaN]}', "json_number", "line 2, column 9: NaN", id="NaN in a later line"),
        pytest.param('["1e999", {"1e999": 1e999}]', "json_number", "line 1, column 21", id="not the text, not the key"),
        pytest.param("[NaN]", "json_number", "NaN", id="NaN"),
        pytest.param("[Infinity]", "json_number", "Infinity", id="Infinity"),
        pytest.param("[-Infinity]", "json_number", "-Infinity", id="minus Infinity"),
        pytest.param("[1e999]", "json_number", "1e999", id="a float too large"),
        pytest.param("[-1e999]", "json_number", "-1e999", id="a float too small"),
        pytest.param("9" * 5000, "json_number", "", id="thousands of digits"),
        pytest.param(b"[\xff]", "json_encoding", "byte 1", id="not UTF-8"),
        pytest.param("[]".encode("utf-16"), "json_encoding", "UTF-8", id="UTF-16"),
        pytest.param('["\\ud800"]', "json_encoding", "half a character", id="a lone surrogate"),
        pytest.param("[" * 1_500_000, "json_too_deep", "levels", id="1.5 MB of nesting"),
        pytest.param(
            "[" * 300 + "]" * 300, "json_too_deep", f"{MAX_DEPTH} levels at line 1, column 201", id="300 levels"
        ),
        pytest.param('{"a":' * 100_000, "json_too_deep", "levels", id="nested objects"),
    ],
)
def test_what_is_not_strict_is_refused(text: str | bytes, code: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        loads(text, source="file.json")
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.message.startswith("file.json ")
    assert says in problem.message


def test_the_deepest_that_is_read() -> None:
    assert loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)


def test_size_is_bounded() -> None:
    with pytest.raises(InputError, match="json_too_large"):
        loads("[" + " " * 100 + "]", max_bytes=100)


@pytest.mark.parametrize("unit", ["[],", "{},", "0,"])
@pytest.mark.parametrize("kind", [str, str.encode], ids=["text", "bytes"])
def test_values_are_bounded_as_a_small_file_can_hold_many(kind: Callable[[str], str | bytes], unit: str) -> None:
    with pytest.raises(InputError, match="json_too_large"):
        loads(kind("[" + unit * MAX_VALUES + "0]"))


@given(VALUES)
def test_what_json_writes_is_read_back(value: Json) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value).encode()) == value


@given(st.binary() | st.text())
def test_anything_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(InputError):
        json.dumps(loads(text), allow_nan=False)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4))
def test_the_canonical_form_does_not_know_the_order(value: dict[str, Json]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(value) == canonical(turned)
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, 1.0), (1, True), (0, False), ("1", 1), (None, ""), ([], {}), ([1, 2], [2, 1]), (0.0, -0.0)],
    ids=repr,
)
def test_the_canonical_form_tells_apart(one: Json, other: Json) -> None:
    assert canonical(one) != canonical(other)
