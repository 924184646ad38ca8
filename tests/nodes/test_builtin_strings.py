"""Texts and plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nodes.builtin import primitive, strings


@pytest.mark.parametrize(
    ("node", "inputs", "expected"),
    [
        (primitive.primitive_string, {"value": "a"}, "a"),
        (primitive.primitive_string_multiline, {"value": "a\nb"}, "a\nb"),
        (primitive.primitive_int, {"value": 2**62}, 2**62),
        (primitive.primitive_float, {"value": 0.1}, 0.1),
        (primitive.primitive_boolean, {"value": True}, True),
        (primitive.reroute, {"value": ...}, ...),
        (strings.string_concatenate, {"string_a": "a", "string_b": "b", "delimiter": ", "}, "a, b"),
        (strings.string_substring, {"string": "latent", "start": 1, "end": -1}, "aten"),
        (strings.string_length, {"string": "žluť"}, 4),
        (strings.case_converter, {"string": "a Bee", "mode": "UPPERCASE"}, "A BEE"),
        (strings.case_converter, {"string": "a Bee", "mode": "lowercase"}, "a bee"),
        (strings.case_converter, {"string": "a Bee", "mode": "Capitalize"}, "A bee"),
        (strings.case_converter, {"string": "a Bee", "mode": "Title Case"}, "A Bee"),
        (strings.string_trim, {"string": " a ", "mode": "Both"}, "a"),
        (strings.string_trim, {"string": " a ", "mode": "Left"}, "a "),
        (strings.string_trim, {"string": " a ", "mode": "Right"}, " a"),
        (strings.string_replace, {"string": "a.a", "find": ".", "replace": "-"}, "a-a"),
        (strings.string_contains, {"string": "Cat", "substring": "cat"}, False),
        (strings.string_contains, {"string": "Cat", "substring": "cat", "case_sensitive": False}, True),
        (strings.string_compare, {"string_a": "ab", "string_b": "a", "mode": "Starts With"}, True),
        (strings.string_compare, {"string_a": "ab", "string_b": "B", "mode": "Ends With"}, False),
        (
            strings.string_compare,
            {"string_a": "A", "string_b": "a", "mode": "Equal", "case_sensitive": False},
            True,
        ),
    ],
)
def test_values(node: Callable[..., object], inputs: dict[str, Any], expected: object) -> None:
    assert node(**inputs) == expected


@pytest.mark.parametrize(
    ("pattern", "flags", "found"),
    [
        ("CAT", {}, True),
        ("CAT", {"case_insensitive": False}, False),
        ("^b", {}, False),
        ("^b", {"multiline": True}, True),
        ("t.b", {}, False),
        ("t.b", {"dotall": True}, True),
    ],
)
def test_regular_expressions_match(pattern: str, flags: dict[str, bool], found: bool) -> None:
    assert strings.regex_match(string="cat\nbat", regex_pattern=pattern, **flags) == found


@pytest.mark.parametrize(
    ("mode", "group", "expected"),
    [
        ("First Match", 1, "a1"),
        ("All Matches", 1, "a1\nb2"),
        ("First Group", 2, "1"),
        ("All Groups", 2, "1\n2"),
        ("First Group", 0, "a1"),
        ("First Group", 9, ""),
    ],
)
def test_regular_expressions_extract(mode: Any, group: int, expected: str) -> None:
    found = strings.regex_extract(string="a1 b2", regex_pattern=r"(\w)(\d)", mode=mode, group_index=group)
    assert found == expected


@pytest.mark.parametrize(("count", "expected"), [(0, "1a 2b"), (1, "1a b2")])
def test_regular_expressions_replace(count: int, expected: str) -> None:
    replaced = strings.regex_replace(string="a1 b2", regex_pattern=r"(\w)(\d)", replace=r"\2\1", count=count)
    assert replaced == expected


def test_a_group_that_took_no_part_is_empty() -> None:
    assert strings.regex_extract(string="a", regex_pattern="(a)|(b)", mode="First Group", group_index=2) == ""


@pytest.mark.parametrize(("pattern", "replace"), [("(", "x"), ("a", r"\7"), ("a", "\\")])
def test_wrong_patterns_are_said_to_be(pattern: str, replace: str) -> None:
    with pytest.raises(strings.PatternError) as wrong:
        strings.regex_replace(string="a", regex_pattern=pattern, replace=replace)
    assert wrong.value.code == "wrong_pattern"
