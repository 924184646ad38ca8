"""The page on coverage says what is so."""

from __future__ import annotations

import json

from nodes.catalogue import read_catalogue
from nodes.coverage import CORE, PAGE, REASONS, page


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make generated`"


def test_reasons_are_given_for_nodes_that_are_not_here() -> None:
    known = {name for module in json.loads(CORE.read_text("utf-8")).values() for name in module}
    assert REASONS.keys() <= known - read_catalogue().keys()
