"""The catalogue: which nodes exist (as data, importing none of them) and what runs them (importing all).

Specs of the builtin nodes are read from `catalogue.json`, which `python -m nodes.catalogue --write` generates from the
modules named here; a test says when it is stale. Plugins are modules named by entry points of the group
`latentgraph.nodes`; their specs are collected by another process: by one made for it (`load_catalogue`), or by a service's
worker (`server/catalogue.py`). A broken plugin is reported and never breaks the rest, and none replaces a node that exists.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Generic, TypeVar, cast

from graph.declare import Implementation, implementation
from graph.errors import DeclarationError, Problem
from graph.json import JsonObject
from graph.spec import NodeSpec, from_json, to_json

GROUP: Final = "latentgraph.nodes"
FILE: Final = Path(__file__).with_name("catalogue.json")

BUILTIN: Final = (
    "nodes.builtin.loaders",
    "nodes.builtin.part_loaders",
    "nodes.builtin.diffusers_loader",
    "nodes.builtin.lora",
    "nodes.builtin.lora_extract",
    "nodes.builtin.model_merging",
    "nodes.builtin.model_saving",
    "nodes.builtin.model_patches",
    "nodes.builtin.guidance_patches",
    "nodes.builtin.clip",
    "nodes.builtin.conditioning",
    "nodes.builtin.control_net",
    "nodes.builtin.clip_vision",
    "nodes.builtin.unclip",
    "nodes.builtin.gligen",
    "nodes.builtin.style_model",
    "nodes.builtin.photomaker",
    "nodes.builtin.hypernetwork",
    "nodes.builtin.upscale_diffusion",
    "nodes.builtin.sampling",
    "nodes.builtin.vae",
    "nodes.builtin.tiled_vae",
    "nodes.builtin.latent",
    "nodes.builtin.latent_operations",
    "nodes.builtin.rebatch",
    "nodes.builtin.image",
    "nodes.builtin.upscale_model",
    "nodes.builtin.image_filters",
    "nodes.builtin.image_arrange",
    "nodes.builtin.image_files",
    "nodes.builtin.image_animation",
    "nodes.builtin.mask",
    "nodes.builtin.custom_sampling",
    "nodes.builtin.guiders",
    "nodes.builtin.samplers",
    "nodes.builtin.schedulers",
    "nodes.builtin.sigmas",
    "nodes.builtin.steps",
    "nodes.builtin.latent_files",
    "nodes.builtin.primitive",
    "nodes.builtin.strings",
    "nodes.builtin.preview_any",
    "nodes.builtin.forward_diffusion",
    "nodes.builtin.picture_sets",
    "nodes.builtin.train_lora",
    "nodes.builtin.loss_graph",
    "nodes.builtin.training_data",
    "nodes.builtin.training_models",
    "nodes.builtin.evaluation",
    "nodes.builtin.export_checkpoint",
)
"""The modules of the builtin nodes, in the order in which an editor lists them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class ByType(Mapping[str, T], Generic[T]):
    """Things by node type, and what went wrong with plugins while they were collected."""

    entries: Mapping[str, T]
    problems: tuple[Problem, ...] = ()

    def __getitem__(self, name: str) -> T:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Found:
    """What plugins declare, and what is wrong with them: between processes, as JSON."""

    nodes: tuple[NodeSpec, ...] = ()
    problems: tuple[Problem, ...] = ()

    def to_json(self) -> JsonObject:
        return {"nodes": [to_json(one) for one in self.nodes], "problems": [asdict(one) for one in self.problems]}

    @classmethod
    def from_json(cls, data: JsonObject) -> Found:
        """The reverse. Raises ValueError, KeyError, TypeError or AttributeError where it is none."""
        nodes, problems = (cast("list[Any]", data[name]) for name in ("nodes", "problems"))
        return cls(tuple(from_json(one) for one in nodes), tuple(Problem(**one) for one in problems))


def load_catalogue() -> ByType[NodeSpec]:
    """Every node type that can be used, builtin and from plugins. Imports no node."""
    found = found_elsewhere() if plugin_points() else Found()
    return merged(read_catalogue(), found)


def read_catalogue() -> dict[str, NodeSpec]:
    """The specs of the builtin nodes, from the generated file."""
    data: list[JsonObject] = json.loads(FILE.read_text("utf-8"))
    return {spec.type: spec for spec in map(from_json, data)}


def load_implementations() -> ByType[Implementation]:
    """What runs every node type. Imports them all."""
    found, problems = plugin_nodes(plugin_points())
    return _merged(builtin_nodes(), found, problems, spec_of=lambda one: one.spec)


def builtin_nodes() -> dict[str, Implementation]:
    """The builtin nodes in catalogue order. Raises `DeclarationError` if two have one name."""
    nodes: dict[str, Implementation] = {}
    for name in BUILTIN:
        for one in declared_in(importlib.import_module(name)):
            if one.spec.type in nodes:
                raise DeclarationError(f"{name}: there is already a node {one.spec.type!r}")
            nodes[one.spec.type] = one
    return nodes


def declared_in(module: ModuleType) -> list[Implementation]:
    """The nodes that a module declares itself, in its order."""
    declared = (implementation(value) for value in vars(module).values())
    return [one for one in declared if one is not None and one.spec.module == module.__name__]


def plugin_points() -> tuple[EntryPoint, ...]:
    """The entry points of installed plugins, in a stable order."""
    return tuple(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)))


def plugin_nodes(points: Iterable[EntryPoint]) -> tuple[list[Implementation], list[Problem]]:
    """The nodes of plugins, and a problem (`plugin_broken`) for each plugin that cannot be imported."""
    nodes: list[Implementation] = []
    problems: list[Problem] = []
    for point in points:
        try:
            nodes += declared_in(point.load())
        except Exception as error:  # noqa: BLE001 - somebody else's code is an outermost seam
            message = f"plugin {point.name!r} ({point.value}) cannot be used: {type(error).__name__}: {error}"
            problems.append(Problem("plugin_broken", message, hint="Update or uninstall it."))
    return nodes, problems


def found_here() -> Found:
    """What the plugins declare. Imports them."""
    nodes, problems = plugin_nodes(plugin_points())
    return Found(tuple(one.spec for one in nodes), tuple(problems))


def found_in(implementations: ByType[Implementation]) -> Found:
    """What of these is of plugins, and what was wrong with those. Imports nothing again."""
    specs = (one.spec for one in implementations.values())
    return Found(tuple(spec for spec in specs if spec.module not in BUILTIN), implementations.problems)


def merged(known: Mapping[str, NodeSpec], found: Found) -> ByType[NodeSpec]:
    """The known nodes and those of plugins whose name is free."""
    return _merged(known, found.nodes, found.problems, spec_of=lambda one: one)


def _merged(
    known: Mapping[str, T], found: Sequence[T], problems: Sequence[Problem], spec_of: Callable[[T], NodeSpec]
) -> ByType[T]:
    """The known entries and those found whose name is free, with a problem for each of the others."""
    entries, taken = dict(known), list(problems)
    for one in found:
        spec = spec_of(one)
        owner = entries.setdefault(spec.type, one)
        if owner is not one:
            message = f"{spec.module} declares {spec.type!r}, which {spec_of(owner).module} has already"
            taken.append(Problem("plugin_replaces_node", message, hint="Rename the plugin's node."))
    return ByType(entries, tuple(taken))


def found_elsewhere() -> Found:
    """What the plugins declare. A process of its own imports them."""
    command = [sys.executable, "-m", "nodes.catalogue", "--plugins"]
    done = subprocess.run(command, cwd=FILE.parent.parent, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        message = f"the plugins end the process that imports them: {done.stderr.strip()[-500:]}"
        return Found((), (Problem("plugin_broken", message, hint="Uninstall the latest plugin."),))
    return Found.from_json(json.loads(done.stdout.splitlines()[-1]))


def generated() -> str:
    """What `catalogue.json` should say."""
    return json.dumps([to_json(one.spec) for one in builtin_nodes().values()], indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """`--write` the builtin catalogue, or print the `--plugins` as one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m nodes.catalogue", description=main.__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--write", action="store_true")
    what.add_argument("--plugins", action="store_true")
    if parser.parse_args(arguments).write:
        FILE.write_text(generated(), "utf-8")
        return 0
    print(json.dumps(found_here().to_json()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
