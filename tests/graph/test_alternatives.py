"""Texts that leave words open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.alternatives import closed, drawn, has_choice, is_open


def first(_: int) -> int:
    return 0


def last(count: int) -> int:
    return count - 1


@pytest.mark.parametrize(
    ("text", "of_first", "of_last"),
    [
        ("a {red|blue} fox", "a red fox", "a blue fox"),
        ("{a|b}{c|d}", "ac", "bd"),
        ("a {big |}fox", "a big fox", "a fox"),
        ("{a {red|blue} fox|an owl}", "a red fox", "an owl"),
        ("{a|{b|{c|d}}}", "a", "d"),
        ("({red|blue}:1.2)", "(red:1.2)", "(blue:1.2)"),
        ("embedding:{one|two}", "embedding:one", "embedding:two"),
        ("a\n{b|c}", "a\nb", "a\nc"),
        ("{|}", "", ""),
    ],
)
def test_one_of_the_alternatives_stands(text: str, of_first: str, of_last: str) -> None:
    assert is_open(text)
    assert has_choice(text)
    assert (drawn(text, first), drawn(text, last)) == (of_first, of_last)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a fox",
        "a | b",
        "{red}",
        '{"subject": {"animal": "fox"}}',
        "{a|b",
        "a|b}",
        "}{",
        "{{a}",
        "a\\b",
        "\\(a\\)",
        "{a|{b}",
    ],
)
def test_what_is_no_alternative_stays_as_it_is(text: str) -> None:
    assert drawn(text, last) == text
    assert not is_open(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("\\{a|b\\}", "{a|b}"), ("{a\\|b|c}", "a|b"), ("{\\{|\\}}", "{"), ("\\\\{", "\\{"), ("{\\{a\\}}", "{{a}}")],
)
def test_escaped_signs_are_plain(text: str, plain: str) -> None:
    assert is_open(text)
    assert drawn(text, first) == plain


def test_each_alternative_is_asked_for_by_how_many_there_are() -> None:
    asked: list[int] = []

    def choose(count: int) -> int:
        asked.append(count)
        return count - 1

    assert drawn("{a|b|c} {d|{e|f}}", choose) == "c f"
    assert asked == [3, 2, 2]


@given(st.text(alphabet="{|}\\ab ", max_size=60), st.integers(0, 5))
def test_any_text_gives_one(text: str, at: int) -> None:
    made = drawn(text, lambda count: at % count)
    if not any(sign in text for sign in "{|}"):
        assert made == text
    assert len(made) <= len(text)


def test_deep_nests_are_no_work() -> None:
    depth = 100_000
    assert drawn("{a|" * depth, last) == "{a|" * depth
    assert drawn("{x|y" * depth + "}" * depth, last) == "y" * depth
    assert drawn("{" * depth + "}" * depth, last) == "{" * depth + "}" * depth


@given(st.text(alphabet="ab\\{|}"))
def test_a_closed_text_is_drawn_as_it_was(text: str) -> None:
    assert not has_choice(closed(text))
    assert drawn(closed(text), first) == drawn(closed(text), last) == text
