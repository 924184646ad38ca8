"""What an import gives: a document, and everything worth saying about the file it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from graph.document import Document
from graph.errors import Problem, Severity
from graph.json import Json

MOST_PROBLEMS: Final = 200
_LONG: Final = 10**40


@dataclass(frozen=True, slots=True)
class Imported:
    """A document read from a foreign file. `problems` have paths into that file.

    Those of severity `error` name parts of the file that could not be kept; a caller that wants all or nothing asks
    `graph.errors.errors_only`. What the document itself lacks is for validation to say.
    `as_written`: its texts leave no words open (`graph.alternatives`), whatever is in them; so it is with API prompts, which
    an editor has drawn.
    """

    document: Document
    problems: tuple[Problem, ...] = ()
    as_written: bool = False


@dataclass(slots=True)
class Findings:
    """Collects problems while a file is read; stops listing, not reading, after `MOST_PROBLEMS`."""

    problems: list[Problem] = field(default_factory=list)

    def error(
        self, code: str, message: str, path: str, *, node: str | None = None, input: str | None = None, hint: str = ""
    ) -> None:
        """Something in the file had to be left out."""
        self._add("error", code, message, path, node, input, hint)

    def warn(
        self, code: str, message: str, path: str, *, node: str | None = None, input: str | None = None, hint: str = ""
    ) -> None:
        """The file is understood, but its author may want to know."""
        self._add("warning", code, message, path, node, input, hint)

    def _add(
        self,
        severity: Severity,
        code: str,
        message: str,
        path: str,
        node: str | None,
        input_name: str | None,
        hint: str,
    ) -> None:
        if len(self.problems) == MOST_PROBLEMS and not (severity == "error" and self._dropped_a_warning()):
            return
        self.problems.append(Problem(code, message, node, input_name, path, hint or None, severity))

    def _dropped_a_warning(self) -> bool:
        """Make room by the latest warning: what is read last may be what stops the file from running."""
        for at in reversed(range(len(self.problems))):
            if self.problems[at].severity == "warning":
                del self.problems[at]
                return True
        return False


def quoted(value: Json) -> str:
    """A value from the file, short enough for a message."""
    if isinstance(value, list | dict):
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    if isinstance(value, int) and abs(value) > _LONG:
        return "a huge number"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
