"""Everything that can be said of a document without running it, in one list.

Structure, every value and link (`bind.py`), what only a run would meet (a cycle, nothing to run, a muted source: `plan.py`),
and parameters that lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from graph.bind import bind
from graph.cache.entry import Empty
from graph.document import Document, json_path
from graph.errors import InputError, Problem, Suggestions
from graph.files import Files
from graph.flatten import flatten
from graph.interface import find_input, input_names
from graph.plan import plan
from graph.spec import Catalogue


def validate(document: Document, catalogue: Catalogue, files: Files | None = None) -> list[Problem]:
    """Every problem, each once, in document order as far as there is one."""
    graph = bind(flatten(document, catalogue), catalogue, files)
    problems = [*parameter_problems(document, catalogue), *graph.problems]
    try:
        plan(graph, view=Empty())
    except InputError as error:
        problems += error.problems
    return list(dict.fromkeys(problems))


def parameter_problems(document: Document, catalogue: Catalogue) -> Iterator[Problem]:
    """Two parameters of one name (an error: which is meant cannot be known), and binds that lead nowhere (warnings)."""
    seen: set[str] = set()
    suggestions = Suggestions()
    for index, parameter in enumerate(document.parameters):
        path = json_path("parameters") + f"[{index}]"
        if parameter.name in seen:
            message = f"two parameters are called {parameter.name!r}"
            yield Problem("duplicate_parameter", message, path=f"{path}.name", hint="Rename one.")
        seen.add(parameter.name)
        for name, input_name in parameter.binds:
            node = document.nodes.get(name)
            if node is None:
                message = f"parameter {parameter.name!r} sets node {name!r}, which does not exist"
                hint = suggestions.nearest(name, document.nodes)
                yield Problem("unknown_node", message, path=f"{path}.binds", hint=hint, severity="warning")
            elif find_input(node.type, input_name, document.subgraphs, catalogue) is None:
                message = f"parameter {parameter.name!r} sets input {input_name!r} of {name!r}, which has none"
                hint = suggestions.nearest(input_name, input_names(node.type, document.subgraphs, catalogue))
                yield Problem("unknown_input", message, path=f"{path}.binds", hint=hint, severity="warning")
