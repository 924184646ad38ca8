"""An entry at rest: JSON that says what the outputs are, and one safetensors blob for all their tensors.

Tensors are named `output/item/name`. Small entries have no tensors and so no blob: their JSON is all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from graph.cache.entry import Entry, Hit
from graph.json import Json, JsonObject, canonical
from graph.result import Report, SavedFile
from graph.values import Encoded, RawTensor, Values


def encode(entry: Entry, values: Values) -> tuple[JsonObject, dict[str, RawTensor]] | None:
    """The entry as JSON and tensors; None if a value in it cannot leave memory."""
    outputs: JsonObject = {}
    tensors: dict[str, RawTensor] = {}
    for output, items in entry.outputs.items():
        stored: list[Json] = []
        for position, item in enumerate(items):
            if not values.encodable(item):
                return None
            name, encoded = values.encode(item)
            prefix = f"{output}/{position}/"
            stored.append([name, encoded.data, cast("list[Json]", list(encoded.tensors))])
            tensors |= {prefix + key: tensor for key, tensor in encoded.tensors.items()}
        outputs[output] = stored
    meta: JsonObject = {"outputs": outputs, "nbytes": entry.nbytes}
    if entry.content:
        meta["content"] = dict(entry.content)
    if entry.report is not None:
        meta["report"] = _report_to_json(entry.report)
    return meta, tensors


def decode(meta: JsonObject, tensors: Mapping[str, RawTensor], seconds: float, values: Values) -> Entry:
    """The inverse. Raises KeyError, TypeError or ValueError for anything `encode` did not write."""
    outputs: dict[str, tuple[object, ...]] = {}
    for output, stored in cast("JsonObject", meta["outputs"]).items():
        items: list[object] = []
        for position, (name, data, keys) in enumerate(cast("list[tuple[str, Json, list[str]]]", stored)):
            prefix = f"{output}/{position}/"
            items.append(values.decode(name, Encoded(data, {key: tensors[prefix + key] for key in keys})))
        outputs[output] = tuple(items)
    hit = read_hit("", meta, seconds)
    return Entry(outputs, hit.content, hit.report, seconds, hit.nbytes)


def read_hit(tier: str, meta: JsonObject, seconds: float) -> Hit:
    """What the JSON alone tells."""
    report = meta.get("report")
    return Hit(
        tier,
        cast("dict[str, str]", meta.get("content", {})),
        _report_from_json(cast("JsonObject", report)) if report is not None else None,
        seconds,
        cast("int", meta["nbytes"]),
    )


def pack(tensors: Mapping[str, RawTensor]) -> bytes:
    """One safetensors blob: the header's length, the header, the data in order. (The library writes from raw memory
    addresses only; it does the reading below, where bytes come from outside.)"""
    header: JsonObject = {}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = canonical(header)
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *(tensor.data for tensor in tensors.values())])


def unpack(blob: bytes) -> dict[str, RawTensor]:
    """The inverse of `pack`. Raises ValueError for a blob that is not one."""
    from safetensors import SafetensorError, deserialize

    try:
        parts = deserialize(blob)  # type: ignore[no-untyped-call]
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    return {name: RawTensor(part["dtype"], tuple(part["shape"]), bytes(part["data"])) for name, part in parts}


def _report_to_json(report: Report) -> JsonObject:
    files: list[Json] = [[one.folder, one.name, one.bytes, one.path, one.modified] for one in report.files]
    return {"files": files, "text": list(report.text)}


def _report_from_json(data: JsonObject) -> Report:
    files = cast("list[tuple[str, str, int, str, int]]", data["files"])
    return Report(tuple(SavedFile(*one) for one in files), tuple(cast("list[str]", data["text"])))
