"""Figures of a model as Markdown, and where they stand in its page.

    python -m nodes.training.scores_page build/evaluation/scores.json build/evaluation/lora.json

copies what was measured into `docs/` and fills `docs/embedded-model.md` from it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path("docs")
PAGE: Final = "embedded-model.md"
_FILES: Final = {"scores": "embedded-model-scores.json", "lora": "embedded-model-lora.json"}
_APART: Final = ("fidelity", "novelty")
"""Sections whose figures are no shares."""


def main(arguments: Sequence[str]) -> int:
    """Copy each file of figures, and fill the page."""
    for path in map(Path, arguments):
        (DOCS / _FILES[path.stem]).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    page = DOCS / PAGE
    page.write_text(filled(page.read_text(encoding="utf-8"), DOCS), encoding="utf-8")
    return 0


def filled(page: str, folder: Path) -> str:
    """A page with the figures of a folder between its marks, `<!-- scores -->` and `<!-- end of scores -->`.

    Raises ValueError where a page has no such marks.
    """
    for name, file in _FILES.items():
        first, last = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = page.partition(first)
        _, ended, after = rest.partition(last)
        if not (found and ended):
            raise ValueError(f"the page has no place for {name}")
        path = folder / file
        told = _told(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else "Not measured yet.\n"
        page = f"{before}{first}{told}{last}{after}"
    return page


def table(scores: Mapping[str, Any]) -> str:
    """All figures as Markdown: shares by what they are of, then the rest."""
    sections = scores["sections"]
    columns = [title for title in sections if title not in _APART]
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for question in sections[columns[0]]:
        cells = [_cell(*sections[column][question]) for column in columns]
        lines.append(f"| {question} | {' | '.join(cells)} |")
    for title in (title for title in _APART if title in sections):
        lines += ["", f"| {title} | | N |", "|---|---|---|"]
        lines += [f"| {what} | {value:.3f} | {number} |" for what, (value, number) in sections[title].items()]
    return "\n".join([*lines, ""])


def _told(scores: Mapping[str, Any]) -> str:
    judge = scores["judge"]
    name = f"`{scores.get('lora', scores['model'])}`"
    if "words_of" in scores:
        name += f" with the words that `{scores['words_of']}` knows, too"
    return (
        f"{name}, a judge trained for {judge['steps']} steps on {judge['pictures']} pictures; each share with how often "
        f"it was asked.\n\n{table(scores)}"
    )


def _cell(share: float | None, number: int) -> str:
    return "not asked" if share is None else f"{100 * share:.1f} % of {number}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
