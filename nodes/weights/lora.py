"""Adapter files (LoRA and its relatives): which layers of a network they change, and the changes.

`AdapterRef` names a file and a strength and travels on wires; `check_adapter` matches a file with a network by header alone;
`load_changes` reads the tensors. Words and layouts are tables in `lora_keymaps.py`, formulas are in
`nodes/diffusion/adapters.py`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from nodes.diffusion.adapters import (
    BiasDifference,
    Change,
    Decomposed,
    Difference,
    Generalised,
    Hadamard,
    Kronecker,
    LowRank,
    Scaled,
    low_rank_fits,
)
from nodes.diffusion.rotations import Rotated
from nodes.weights.errors import WeightsWrongFamily
from nodes.weights.files import Header, TensorEntry, read_header, read_tensors
from nodes.weights.keymaps import Part
from nodes.weights.layer_shapes import LayerShape, layer_shapes
from nodes.weights.load import WeightsRef
from nodes.weights.lora_family import adapter_family
from nodes.weights.lora_keymaps import layer_aliases, split_key

Keys = Mapping[str, str]
"""The tensors of one layer's change: what each is, to its key."""

_KINDS: Final[Sequence[frozenset[str]]] = (
    frozenset({"up", "down"}),
    frozenset({"w1a", "w1b", "w2a", "w2b"}),
    frozenset({"kron1", "kron2"}),
    frozenset({"kron1", "kron2a", "kron2b"}),
    frozenset({"kron1a", "kron1b", "kron2"}),
    frozenset({"kron1a", "kron1b", "kron2a", "kron2b"}),
    frozenset({"rotation"}),
    frozenset({"glora_a1", "glora_a2", "glora_b1", "glora_b2"}),
    frozenset({"factors", "on_input"}),
    frozenset({"diff"}),
    frozenset({"diff_b"}),
)
"""What must be there for a change to be one. `alpha`, `magnitude`, `mid` and the cores `t1`, `t2` come beside."""


@dataclass(frozen=True, slots=True)
class AdapterRef:
    """One adapter file at one strength. `digest` is that of the file's content."""

    path: Path
    digest: str
    strength: float


def check_adapter(path: Path, targets: Sequence[WeightsRef]) -> tuple[str, ...]:
    """Match an adapter with the parts it is for. Returns the keys that belong to none of them; reads no weights.

    Raises `WeightsWrongFamily`, naming both families, if it was made for another kind of model.
    """
    header = read_header(path)
    used: set[str] = set()
    for target in targets:
        used |= {key for keys in _matched(header, target).values() for key in keys.values()}
    if not used:
        raise _wrong_family(header, targets[0], "none of its layers is in the model")
    # An adapter may have both towers and a U-Net where only some are asked for; that is no surprise.
    return tuple(sorted(key for key in header.tensors if key not in used and not _is_for_others(key, targets)))


def load_changes(path: Path, target: WeightsRef) -> dict[str, tuple[Change, ...]]:
    """The changes of each layer of a part, as stored, on the CPU. Raises a `WeightsError`."""
    header = read_header(path)
    matched = _matched(header, target)
    tensors = read_tensors(header, [key for keys in matched.values() for key in keys.values()])
    return {
        layer: _changes({role: tensors[key].float() for role, key in keys.items()}) for layer, keys in matched.items()
    }


def tensors_beside(path: Path, target: WeightsRef) -> tuple[str, ...]:
    """The names of tensors in a file that change nothing of a part: those for other parts, or for nothing that is known.

    Raises a `WeightsError`.
    """
    header = read_header(path)
    used = {key for keys in _matched(header, target).values() for key in keys.values()}
    return tuple(sorted(set(header.tensors) - used))


def changes_bytes(path: Path, target: WeightsRef) -> int:
    """Bytes that `load_changes` takes."""
    tensors = read_header(path).tensors.items()
    counts = (math.prod(entry.shape) for key, entry in tensors if not _is_for_others(key, [target]))
    return sum(counts) * torch.float32.itemsize


def _matched(header: Header, target: WeightsRef) -> dict[str, Keys]:
    """The complete changes in a file for a part, by layer."""
    layers = layer_shapes(target.part, target.config)
    aliases = layer_aliases(target.part, target.config, layers)
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for key in header.tensors:
        split = split_key(key)
        if split is not None and split[0] in aliases:
            found[aliases[split[0]]][split[1]] = key
    for layer, keys in found.items():
        _expect_fitting(header, target, layers[layer], keys)
    complete = {layer: _complete(keys, layers[layer]) for layer, keys in found.items()}
    return {layer: keys for layer, keys in complete.items() if keys}


def _complete(keys: Keys, layer: LayerShape) -> Keys:
    """The keys of changes of which everything needed is there; nothing if there is none."""
    kinds = [kind for kind in _KINDS if kind <= keys.keys()]
    if layer.bias is None:
        kinds = [kind for kind in kinds if "diff_b" not in kind]
    if not kinds:
        return {}
    lone = {role for kind in _KINDS for role in kind} - {role for kind in kinds for role in kind}
    return {role: key for role, key in keys.items() if role not in lone}


def _expect_fitting(header: Header, target: WeightsRef, layer: LayerShape, keys: Keys) -> None:
    entries = {role: header.tensors[key] for role, key in keys.items()}
    shift = entries.get("diff_b")
    if _fits_together(entries, layer.weight) and (shift is None or layer.bias in (None, math.prod(shift.shape))):
        return
    first = next(iter(keys.values()))
    raise _wrong_family(header, target, f"the shape of {first!r} does not fit a layer of {list(layer.weight)}")


def _fits_together(entries: Mapping[str, TensorEntry], weight: Sequence[int]) -> bool:
    """Whether changes have the size of the weight, and their tensors go together."""
    try:
        return _fits(entries, weight) and _go_together({role: one.shape for role, one in entries.items()}, weight)
    except (IndexError, ValueError):  # fewer dimensions than there have to be
        return False


def _go_together(shapes: Mapping[str, Sequence[int]], weight: Sequence[int]) -> bool:
    if any(math.prod(shape) == 0 for shape in shapes.values()) or math.prod(shapes.get("alpha", ())) != 1:
        return False
    if "magnitude" in shapes and math.prod(shapes["magnitude"]) not in weight[:2]:
        return False
    if {"up", "down"} <= shapes.keys():
        rank = shapes["down"][0]
        mid = shapes.get("mid", (rank, rank))
        return math.prod(shapes["up"][1:]) == rank and (mid[0], mid[1]) == (rank, rank)
    if {"w1a", "w1b", "w2a", "w2b"} <= shapes.keys() and not {"t1", "t2"} & shapes.keys():
        return shapes["w1a"][1] == shapes["w1b"][0] and shapes["w2a"][1] == shapes["w2b"][0]
    return True


def _fits(entries: Mapping[str, TensorEntry], weight: Sequence[int]) -> bool:
    """Whether every complete change in some tensors has as many values as the weight."""
    shapes = {role: entry.shape for role, entry in entries.items()}
    count = math.prod(weight)
    if {"up", "down"} <= shapes.keys():
        spread = math.prod(shapes["mid"][2:]) if "mid" in shapes else 1
        return low_rank_fits(shapes["up"], (*shapes["down"], spread), weight)
    if {"w1a", "w1b", "w2a", "w2b"} <= shapes.keys():
        core = shapes.get("t1")
        rows = shapes["w1a"][0] if core is None else shapes["w1a"][1]
        return rows * shapes["w1b"][1] * math.prod(core[2:] if core else ()) == count
    if "rotation" in shapes:
        return _rotation_fits(shapes["rotation"], math.prod(shapes.get("rescale", weight[:1])), weight[0])
    if {"glora_a1", "glora_a2", "glora_b1", "glora_b2"} <= shapes.keys():
        return _glora_fits(shapes, weight)
    if {"factors", "on_input"} <= shapes.keys():
        return math.prod(shapes["factors"]) in weight[:2]
    if any(role.startswith("kron") for role in shapes):
        return _kronecker_size(shapes, "1") * _kronecker_size(shapes, "2") == count
    return "diff" not in shapes or math.prod(shapes["diff"]) == count


def _rotation_fits(blocks: Sequence[int], rescaled: int, outputs: int) -> bool:
    """Whether blocks [n, b, b] or [m, n, b, b] turn so many outputs."""
    *factors, number, size, _ = blocks
    reach = size * 2 ** (factors[0] - 1) if factors else size  # how far apart the last factor of a butterfly reaches
    return number * size == outputs == rescaled and outputs % reach == 0


def _glora_fits(shapes: Mapping[str, Sequence[int]], weight: Sequence[int]) -> bool:
    a1, a2, b1, b2 = _glora_order(shapes)
    spread = math.prod(shapes["glora_mid"][2:]) if "glora_mid" in shapes else 1
    fits = len(weight) > 1 and shapes[a1][0] == weight[1] == shapes[a2][1]
    return fits and low_rank_fits(shapes[b1], (*shapes[b2], spread), weight)


def _glora_order(shapes: Mapping[str, Sequence[int]]) -> tuple[str, str, str, str]:
    """The roles in the order of the formula W a1 a2 + b1 b2. LyCORIS before version 2 wrote each pair the other way round,
    which is seen where the rank comes first."""
    if shapes["glora_a1"][0] < shapes["glora_a1"][1]:
        return "glora_a2", "glora_a1", "glora_b2", "glora_b1"
    return "glora_a1", "glora_a2", "glora_b1", "glora_b2"


def _kronecker_size(shapes: Mapping[str, Sequence[int]], factor: str) -> int:
    whole, a, b = (shapes.get(f"kron{factor}{end}") for end in ("", "a", "b"))
    if whole is not None:
        return math.prod(whole)
    if a is None or b is None:
        return 0
    core = shapes.get(f"kron_t{factor}")
    return a[1] * b[1] * math.prod(core[2:]) if core is not None else a[0] * math.prod(b[1:])


def _changes(tensors: Mapping[str, Tensor]) -> tuple[Change, ...]:
    """The changes that the tensors of one layer make up."""
    deltas = [delta for read in _READERS if (delta := read(tensors)) is not None]
    magnitude = tensors.get("magnitude")
    changes: list[Change] = [delta if magnitude is None else Decomposed(delta, magnitude) for delta in deltas]
    if "diff_b" in tensors:
        changes.append(BiasDifference(tensors["diff_b"].flatten()))
    return tuple(changes)


def _low_rank(tensors: Mapping[str, Tensor]) -> LowRank | None:
    if "up" not in tensors:
        return None
    up, down = tensors["up"], tensors["down"]
    return LowRank(up, down, _scale(tensors, down.shape[0]), tensors.get("mid"))


def _hadamard(tensors: Mapping[str, Tensor]) -> Hadamard | None:
    if "w1a" not in tensors:
        return None
    w1a, w1b, w2a, w2b = (tensors[role] for role in ("w1a", "w1b", "w2a", "w2b"))
    return Hadamard(w1a, w1b, w2a, w2b, _scale(tensors, w1b.shape[0]), tensors.get("t1"), tensors.get("t2"))


def _kronecker(tensors: Mapping[str, Tensor]) -> Kronecker | None:
    if not any(role.startswith("kron") for role in tensors):
        return None
    # The rank that alpha is divided by is that of the factored side; two whole factors have none.
    ranks = [tensors[role].shape[0] for role in ("kron2b", "kron1b") if role in tensors]
    scale = _scale(tensors, ranks[0]) if ranks else 1.0
    return Kronecker(_kronecker_factor(tensors, "1"), _kronecker_factor(tensors, "2"), scale)


def _kronecker_factor(tensors: Mapping[str, Tensor], factor: str) -> Tensor:
    if f"kron{factor}" in tensors:
        return tensors[f"kron{factor}"]
    a, b = tensors[f"kron{factor}a"], tensors[f"kron{factor}b"]
    core = tensors.get(f"kron_t{factor}")
    if core is None:
        return (a @ b.flatten(1)).reshape(a.shape[0], *b.shape[1:])
    return torch.einsum("rsxy,si,ro->oixy", core, b, a)


def _difference(tensors: Mapping[str, Tensor]) -> Difference | None:
    return Difference(tensors["diff"]) if "diff" in tensors else None


def _generalised(tensors: Mapping[str, Tensor]) -> Generalised | None:
    if "glora_a1" not in tensors:
        return None
    a1, a2, b1, b2 = (tensors[role] for role in _glora_order({role: one.shape for role, one in tensors.items()}))
    return Generalised(a1, a2, b1, b2, _scale(tensors, b2.shape[0]), tensors.get("glora_mid"))


def _rotated(tensors: Mapping[str, Tensor]) -> Rotated | None:
    if "rotation" not in tensors:
        return None
    constraint = float(tensors["alpha"]) if "alpha" in tensors else 0.0
    return Rotated(tensors["rotation"], constraint, tensors.get("rescale"))


def _scaled(tensors: Mapping[str, Tensor]) -> Scaled | None:
    if "factors" not in tensors:
        return None
    return Scaled(tensors["factors"].flatten(), on_input=bool(tensors["on_input"]))


_READERS: Final = (_low_rank, _hadamard, _kronecker, _rotated, _generalised, _scaled, _difference)


def _scale(tensors: Mapping[str, Tensor], rank: int) -> float:
    """alpha / rank; 1 for a file without alpha."""
    return float(tensors["alpha"]) / rank if "alpha" in tensors else 1.0


def _is_for_others(key: str, targets: Sequence[WeightsRef]) -> bool:
    """Whether a key is meant for a part that was not asked for."""
    is_text = key.removeprefix("base_model.model.").startswith(("lora_te", "text_encoder"))
    asked = {target.part is not Part.UNET for target in targets}
    return is_text not in asked


def _wrong_family(header: Header, target: WeightsRef, why: str) -> WeightsWrongFamily:
    made_for, model = adapter_family(header), target.config.family
    if made_for is None:
        return WeightsWrongFamily(
            f"{header.path.name} is no adapter for a {model} model, and of no family known here: {why}",
            hint="Use an adapter that was trained for this kind of model.",
        )
    return WeightsWrongFamily(
        f"{header.path.name} is an adapter for {made_for} models, and this is a {model} model: {why}",
        hint="Use an adapter that was trained for this kind of model, or the model it was trained for.",
    )
