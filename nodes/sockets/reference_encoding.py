"""References to files at rest: parts of checkpoints, what is laid over them, and networks in files of their own.

Each is kept with what tells whether its path still leads to the same file: its place, which is no part of what it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from graph.json import Json, JsonObject
from graph.values import PLACE, ChangedPlace
from nodes.diffusion.adapters import AttentionScale
from nodes.weights.keymaps import Part
from nodes.weights.load import WeightsRef
from nodes.weights.lora import AdapterRef
from nodes.weights.metadata import read_config, write_config
from nodes.weights.networks import NetworkConfig, NetworkRef
from nodes.weights.patches import Merge, WeightPatch


def encode_weights(ref: WeightsRef) -> JsonObject:
    return {
        PLACE: encode_place(ref.path),
        "digest": ref.digest,
        "part": str(ref.part),
        "family": ref.config.family,
        "config": write_config(ref.config),
        "rounded_to": ref.rounded_to,
        "compute_dtype": ref.compute_dtype,
        "on_cpu": ref.on_cpu,
    }


def decode_weights(data: Json) -> WeightsRef:
    known = object_of(data)
    path = decode_place(known[PLACE])
    config = read_config({"config": known["config"]}, path.name)
    if config is None:
        raise ValueError("no configuration")
    config = replace(config, family=known["family"])
    chosen = {name: known[name] for name in ("rounded_to", "compute_dtype", "on_cpu")}
    return WeightsRef(path, known["digest"], Part(known["part"]), config, **chosen)


def encode_place(path: Path) -> JsonObject:
    """A path, with what tells whether it still leads to the same file."""
    return {"path": str(path), "file": _identity(path)}


def decode_place(data: Json) -> Path:
    """The path. Raises `ChangedPlace` if it does not lead to the same file any more."""
    known = object_of(data)
    path = Path(known["path"])
    identity = _identity(path)
    if identity is None or identity != known["file"]:
        raise ChangedPlace(f"{path} is not the file it was")
    return path


def _identity(path: Path) -> list[Json] | None:
    """Size, modification time and inode of a file; None if it is gone."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ino]


def object_of(data: Json) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise TypeError(f"not an object: {data!r}")
    return data


def encode_adapter(one: WeightPatch) -> JsonObject:
    if isinstance(one, AttentionScale):
        return asdict(one)
    if isinstance(one, Merge):
        return {
            "others": [encode_weights(ref) for ref in one.others],
            "patches": [encode_adapter(patch) for patch in one.patches],
            "kept": one.kept,
            "added": one.added,
            "ratios": [[prefix, ratio] for prefix, ratio in one.ratios],
        }
    return encode_file(one.path, one.digest, one.strength)


def decode_adapter(data: Json) -> WeightPatch:
    known = object_of(data)
    if "layers" in known:
        return AttentionScale(**known)
    if "others" in known:
        others = tuple(map(decode_weights, known["others"]))
        ratios = tuple((str(prefix), float(ratio)) for prefix, ratio in known["ratios"])
        return Merge(others, tuple(map(decode_adapter, known["patches"])), known["kept"], known["added"], ratios)
    return AdapterRef(*decode_file(data))


def encode_file(path: Path, digest: str, strength: float) -> JsonObject:
    return {PLACE: encode_place(path), "digest": digest, "strength": strength}


def decode_file(data: Json) -> tuple[Path, str, float]:
    """Path, digest and strength of a file laid over a model. Raises ValueError if it is not the one it was."""
    known = object_of(data)
    return decode_place(known[PLACE]), str(known["digest"]), float(known["strength"])


def encode_network(ref: NetworkRef) -> JsonObject:
    """A network in a file of its own; what it is, its file says again."""
    return {
        PLACE: encode_place(ref.path),
        "digest": ref.digest,
        "base": None if ref.base is None else encode_weights(ref.base),
        "base_patches": [encode_adapter(patch) for patch in ref.base_patches],
    }


def decode_network(data: Json, open_file: Callable[[Path], NetworkConfig]) -> NetworkRef:
    """The inverse. Raises ValueError if the file is not the one it was."""
    known = object_of(data)
    path = decode_place(known[PLACE])
    base = None if known["base"] is None else decode_weights(known["base"])
    patches = tuple(map(decode_adapter, known["base_patches"]))
    return NetworkRef(path, str(known["digest"]), open_file(path), base, patches)
