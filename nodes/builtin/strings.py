"""Texts: joining, cutting, searching and comparing them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final, Literal

import regex

from graph.declare import Multiline, Range, Unlinked, node
from graph.errors import GraphError

Text = Annotated[str, Multiline()]


class PatternError(GraphError):
    """A regular expression that cannot be compiled, or (`pattern_too_slow`) that takes for ever on a text."""

    code = "wrong_pattern"


_SECONDS: Final = 10.0
"""How long a search may take: some patterns need a time that doubles with each character."""


@node(
    "StringConcatenate",
    display_name="Concatenate",
    category="utils/string",
    returns="STRING",
    lane="inline",
    words=("join text",),
)
def string_concatenate(*, string_a: Text, string_b: Text, delimiter: str = "") -> str:
    """Two texts one after the other, with a delimiter between."""
    return delimiter.join((string_a, string_b))


@node("StringSubstring", display_name="Substring", category="utils/string", returns="STRING", lane="inline")
def string_substring(*, string: Text, start: int, end: int) -> str:
    """The characters from `start` up to before `end`; negative positions count from the end."""
    return string[start:end]


@node("StringLength", display_name="Length", category="utils/string", returns="length", lane="inline")
def string_length(*, string: Text) -> int:
    """The number of characters."""
    return len(string)


@node("CaseConverter", display_name="Case Converter", category="utils/string", returns="STRING", lane="inline")
def case_converter(*, string: Text, mode: Literal["UPPERCASE", "lowercase", "Capitalize", "Title Case"]) -> str:
    """The text in other letter case."""
    match mode:
        case "UPPERCASE":
            return string.upper()
        case "lowercase":
            return string.lower()
        case "Capitalize":
            return string.capitalize()
        case "Title Case":
            return string.title()


@node("StringTrim", display_name="Trim", category="utils/string", returns="STRING", lane="inline")
def string_trim(*, string: Text, mode: Literal["Both", "Left", "Right"]) -> str:
    """The text without white space at its ends."""
    match mode:
        case "Both":
            return string.strip()
        case "Left":
            return string.lstrip()
        case "Right":
            return string.rstrip()


@node("StringReplace", display_name="Replace", category="utils/string", returns="STRING", lane="inline")
def string_replace(*, string: Text, find: Text, replace: Text) -> str:
    """Every occurrence of `find` replaced."""
    return string.replace(find, replace)


@node("StringContains", display_name="Contains", category="utils/string", returns="contains", lane="inline")
def string_contains(*, string: Text, substring: Text, case_sensitive: bool = True) -> bool:
    """Whether one text occurs in another."""
    return substring in string if case_sensitive else substring.lower() in string.lower()


@node("StringCompare", display_name="Compare", category="utils/string", returns="BOOLEAN", lane="inline")
def string_compare(
    *, string_a: Text, string_b: Text, mode: Literal["Starts With", "Ends With", "Equal"], case_sensitive: bool = True
) -> bool:
    """Whether the first text starts with, ends with or equals the second."""
    first, second = (string_a, string_b) if case_sensitive else (string_a.lower(), string_b.lower())
    match mode:
        case "Starts With":
            return first.startswith(second)
        case "Ends With":
            return first.endswith(second)
        case "Equal":
            return first == second


@node("RegexMatch", display_name="Regex Match", category="utils/string", returns="matches")
def regex_match(
    *,
    string: Text,
    regex_pattern: Text,
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
) -> bool:
    """Whether a regular expression is found in the text."""
    pattern = _pattern(regex_pattern, case_insensitive, multiline, dotall)
    with _in_time(regex_pattern):
        return pattern.search(string, timeout=_SECONDS, concurrent=True) is not None


@node("RegexExtract", display_name="Regex Extract", category="utils/string", returns="STRING")
def regex_extract(
    *,
    string: Text,
    regex_pattern: Text,
    mode: Literal["First Match", "All Matches", "First Group", "All Groups"],
    case_insensitive: bool = True,
    multiline: bool = False,
    dotall: bool = False,
    group_index: Annotated[int, Range(0, 100)] = 1,
) -> str:
    """What a regular expression finds: a whole match or one of its groups, the first or all on lines of their own.

    Nothing found, or a group the pattern does not have, gives an empty text.
    """
    pattern = _pattern(regex_pattern, case_insensitive, multiline, dotall)
    group = 0 if mode in ("First Match", "All Matches") else group_index
    if group > pattern.groups:
        return ""
    with _in_time(regex_pattern):
        matches = pattern.finditer(string, timeout=_SECONDS, concurrent=True)
        found = [str(match[group] or "") for match in matches]
    return "\n".join(found if mode.startswith("All") else found[:1])


@node("RegexReplace", display_name="Regex Replace", category="utils/string", returns="STRING")
def regex_replace(
    *,
    string: Text,
    regex_pattern: Text,
    replace: Text,
    case_insensitive: Annotated[bool, Unlinked()] = True,
    multiline: Annotated[bool, Unlinked()] = False,
    dotall: Annotated[bool, Unlinked()] = False,
    count: Annotated[int, Range(0, 100), Unlinked()] = 0,
) -> str:
    """Matches of a regular expression replaced, `count` of them or (0) all; `\\1` stands for the first group."""
    pattern = _pattern(regex_pattern, case_insensitive, multiline, dotall)
    try:
        with _in_time(regex_pattern):
            return str(pattern.sub(replace, string, count=count, timeout=_SECONDS, concurrent=True))
    except (regex.error, IndexError) as error:
        raise PatternError(f"the replacement {replace!r} does not fit the pattern: {error}") from None


@contextmanager
def _in_time(pattern: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        hint = "Write it without repetitions inside repetitions, as in (a+)+."
        message = f"{pattern!r} was still searching after {_SECONDS:g} s"
        raise PatternError(message, code="pattern_too_slow", hint=hint) from None


def _pattern(pattern: str, case_insensitive: bool, multiline: bool, dotall: bool) -> regex.Pattern[str]:
    flags = regex.IGNORECASE * case_insensitive | regex.MULTILINE * multiline | regex.DOTALL * dotall
    try:
        return regex.compile(pattern, flags)
    except regex.error as error:
        raise PatternError(f"{pattern!r} is not a regular expression: {error}") from None
