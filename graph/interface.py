"""The inputs and outputs of a node as written, be it of a plain type or an instance of a subgraph.

A subgraph's inputs are its parameters, each declared by the inner input it is first bound to; its outputs are declared by
the inner outputs they come from. Both are followed through subgraphs in subgraphs, iteratively.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from graph.document import SUBGRAPH, Subgraph
from graph.spec import Catalogue, Input, Output

Subgraphs: TypeAlias = "Mapping[str, Subgraph]"

MAX_DEPTH: Final = 100
"""Levels of subgraphs in subgraphs that are followed, and laid out."""


def input_names(type_name: str, subgraphs: Subgraphs, catalogue: Catalogue) -> list[str]:
    """The inputs of a type in order; none for an unknown one."""
    if not type_name.startswith(SUBGRAPH):
        spec = catalogue.get(type_name)
        return [one.name for one in spec.inputs] if spec else []
    subgraph = subgraphs.get(type_name.removeprefix(SUBGRAPH))
    return [one.name for one in subgraph.parameters] if subgraph else []


def output_names(type_name: str, subgraphs: Subgraphs, catalogue: Catalogue) -> list[str]:
    """The outputs of a type in order; none for an unknown one."""
    if not type_name.startswith(SUBGRAPH):
        spec = catalogue.get(type_name)
        return [one.name for one in spec.outputs] if spec else []
    subgraph = subgraphs.get(type_name.removeprefix(SUBGRAPH))
    return [one.name for one in subgraph.outputs] if subgraph else []


def find_input(type_name: str, name: str, subgraphs: Subgraphs, catalogue: Catalogue) -> Input | None:
    """The declaration behind an input. None where there is no such input or its way leads nowhere."""
    for _ in range(MAX_DEPTH + 1):
        if not type_name.startswith(SUBGRAPH):
            spec = catalogue.get(type_name)
            return spec.input(name) if spec else None
        subgraph = subgraphs.get(type_name.removeprefix(SUBGRAPH))
        parameter = subgraph.parameters_by_name.get(name) if subgraph else None
        if subgraph is None or parameter is None or not parameter.binds or parameter.binds[0][0] not in subgraph.nodes:
            return None
        inner, name = parameter.binds[0]
        type_name = subgraph.nodes[inner].type
    return None


def find_output(type_name: str, name: str, subgraphs: Subgraphs, catalogue: Catalogue) -> Output | None:
    """The declaration behind an output. None where there is no such output or its way leads nowhere."""
    for _ in range(MAX_DEPTH + 1):
        if not type_name.startswith(SUBGRAPH):
            spec = catalogue.get(type_name)
            return spec.outputs_by_name.get(name) if spec else None
        subgraph = subgraphs.get(type_name.removeprefix(SUBGRAPH))
        output = subgraph.outputs_by_name.get(name) if subgraph else None
        if subgraph is None or output is None or output.source.node not in subgraph.nodes:
            return None
        type_name, name = subgraph.nodes[output.source.node].type, output.source.output
    return None
