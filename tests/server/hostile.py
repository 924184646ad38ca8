"""Prompts and requests made by chance: sound ones, changed in a few places into what no client should send. Seeded, so that
a failure can be had again by its number."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from graph.spec import Choice, FileChoice, NodeSpec, Number, Text, Toggle
from nodes.catalogue import load_catalogue
from tests.server.cli import WORKFLOWS

STRANGE: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 2**31, 2**63, 2**64, -(2**63), 10**30, 1e308, 1e-308, "", "0", "x", "\0", "../x",
    "/etc/passwd", "\ud7ff", "\u202e", "\U0001f98a" * 50, "a" * 3000, "__proto__", "nan", "NaN", "%s%n", "{}", "[",
    "<img src=x>",
    [], [[]], [1], ["1", 0], ["1", -1], ["1", 10**9], ["1", "0"], ["1", True], ["1", 0, 0], [None, None], {},
    {"__value__": []},
    {"__value__": {"__value__": 1}}, {"a": {}}, {"from": []}, {"from": ["1", "out"]}, {"from": ["1"]}, {"from": 3}, {"": ""},
)  # fmt: skip

TYPES: Final = ("Reroute", "PrimitiveNode", "Note", "workflow>x", "KSampler", "PreviewImage", "Unheard", "")
KEYS: Final = ("", "x", "inputs", "type", "class_type", "nodes", "links", "format", "\u0000")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Hostile:
    """One request."""

    method: str
    path: str
    body: bytes = b""


def requests(seed: int) -> Iterator[Hostile]:
    """Requests without end."""
    choose = random.Random(seed)
    catalogue = load_catalogue()
    workflows = [json.loads(path.read_text()) for path in sorted(WORKFLOWS.glob("*.json"))]
    while True:
        kind = choose.random()
        if kind < 0.55:
            yield _prompt(choose, catalogue)
        elif kind < 0.8:
            yield _workflow(choose, workflows)
        elif kind < 0.9:
            yield _bytes(choose, workflows)
        else:
            yield _path(choose)


def _prompt(choose: random.Random, catalogue: Any) -> Hostile:  # noqa: ANN401 - a mapping of specs
    """A prompt of a few nodes, linked by type where that is possible; and then changed."""
    names = list(catalogue)
    specs: dict[str, NodeSpec] = {str(i): catalogue[choose.choice(names)] for i in range(choose.randint(1, 8))}
    prompt: dict[str, Any] = {}
    for name, spec in specs.items():
        inputs = {
            one.name: _value(choose, one.widget, one.type, specs, name) for one in spec.inputs if choose.random() < 0.95
        }
        prompt[name] = {"class_type": spec.type, "inputs": inputs}
    body: dict[str, Any] = {"prompt": prompt, "client_id": choose.choice(("me", None, 3))}
    for _ in range(choose.choice((0, 1, 1, 2, 5))):
        _change(choose, body)
    path = choose.choice(("/prompt", "/prompt", "/api/prompt", "/api/v1/jobs", "/api/v1/validate", "/api/v1/plan"))
    if path.startswith("/api/v1") and "prompt" in body:
        body = {"workflow": body["prompt"]}
    return Hostile("POST", path, _text(body))


def _value(choose: random.Random, widget: Any, kind: str, specs: dict[str, NodeSpec], name: str) -> Any:  # noqa: ANN401
    links = [
        [other, index]
        for other, spec in specs.items()
        for index, output in enumerate(spec.outputs)
        if output.type == kind and (other != name or choose.random() < 0.02)
    ]
    if links and choose.random() < 0.9:
        return choose.choice(links)
    match widget:
        case Number():
            low, high = widget.minimum or 0, widget.maximum if widget.maximum is not None else 10
            number = choose.choice((low, high, choose.uniform(float(low), float(high))))
            return int(number) if widget.kind == "INT" else float(number)
        case Text():
            return choose.choice(("a fox", "", "((x:1.2)", "embedding:x"))
        case Toggle():
            return choose.random() < 0.5
        case Choice():
            return choose.choice(list(widget.options)) if widget.options else "x"
        case FileChoice():
            return choose.choice(("tiny-sd-128.safetensors", "fox.png", "x [output]"))
    return _strange(choose)


def _workflow(choose: random.Random, workflows: list[Any]) -> Hostile:
    """One of ours, changed."""
    body: dict[str, Any] = {"workflow": json.loads(json.dumps(choose.choice(workflows)))}
    if choose.random() < 0.3:
        body |= {"parameters": {"prompt": _strange(choose), "seed": _strange(choose)}}
    for _ in range(choose.randint(1, 5)):
        _change(choose, body)
    path = choose.choice(
    ("/api/v1/jobs", "/api/v1/validate", "/api/v1/plan", "/api/v1/convert/comfyui", "/api/v1/convert/comfyui-api",
    "/prompt",
         "/api/v1/workflows/text_to_image/jobs")
    )  # fmt: skip
    if path == "/prompt":
        body = {"prompt": body.get("workflow")}
    if path.endswith("/text_to_image/jobs"):
        body.pop("workflow", None)
    return Hostile("POST", path, _text(body))


def _bytes(choose: random.Random, workflows: list[Any]) -> Hostile:
    """The text of a workflow with some bytes changed, cut or doubled."""
    text = bytearray(json.dumps({"prompt": choose.choice(workflows)}).encode())
    for _ in range(choose.randint(1, 20)):
        at = choose.randrange(len(text))
        match choose.randrange(4):
            case 0:
                text[at] = choose.randrange(256)
            case 1:
                del text[at : at + choose.randint(1, 50)]
            case 2:
                text[at:at] = text[at : at + choose.randint(1, 50)]
            case _:
                text[at:at] = choose.choice((b"[", b"{", b'"', b",", b"\\u0000", b"1e999", b"NaN", b"\xff"))
        if not text:
            break
    return Hostile(
        "POST", choose.choice(("/prompt", "/api/v1/jobs", "/api/v1/validate", "/upload/workflow")), bytes(text)
    )


PATHS: Final = (
    "/history", "/history/{}", "/queue", "/view", "/view?filename={}&type={}&subfolder={}&preview={}&channel={}",
    "/object_info/{}", "/models/{}", "/experiment/models/{}", "/experiment/models/preview/{}/{}/{}",
    "/api/v1/model-pictures/{}/{}",
    "/view_metadata/{}?filename={}",
    "/userdata?dir={}&recurse={}", "/v2/userdata?path={}", "/userdata/{}", "/userdata/{}/move/{}", "/settings",
    "/settings/{}",
    "/users", "/interrupt", "/free", "/upload/image", "/upload/mask", "/internal/files/{}", "/internal/logs/subscribe",
    "/history?max_items={}&offset={}", "/api/jobs?status={}&limit={}&offset={}&sort_by={}&sort_order={}&workflow_id={}",
    "/api/jobs/{}", "/api/jobs/{}/cancel", "/api/jobs/cancel", "/api/v1/jobs?state={}&limit={}&before={}", "/api/v1/jobs/{}",
    "/api/v1/jobs/{}/cancel", "/api/v1/jobs/{}/retry", "/api/v1/jobs/{}/move", "/api/v1/jobs/{}/outputs/{}",
    "/api/v1/jobs/{}/events?after={}", "/api/v1/jobs/{}/trace", "/api/v1/events?job={}&after={}", "/api/v1/workflows/{}",
    "/api/v1/workflows/{}/jobs", "/api/v1/nodes/{}", "/api/v1/tickets", "/api/v1/openapi.json", "/api/v1/models?folder={}",
    "/api/v1/cache", "/api/v1/system", "/api/v1/tokens", "/api/v1/uploads", "/metrics", "/health/ready", "/assets/{}",
    "/templates/{}.png",
    "/ws?clientId={}", "/{}",
)  # fmt: skip
WORDS: Final = (
    "", "x", "0", "-1", "1", "999999999999999999999", "1.5", "%00", "%ff", "..", "%2e%2e%2f", "../x", "a%2Fb", "a" * 300,
    "%F0%9F%A6%8A",
    "output", "input", "temp", "checkpoints", "webp", "jpeg;0", "png;101", "rgb", "a", "true", "queued", "done",
    "pending", "%22%0d%0a",
    "text_to_image", "tiny-sd-128.safetensors", "[]", "{}", "*", "?", "#", ";", "__class__", "created_at", "asc",
)  # fmt: skip


def _path(choose: random.Random) -> Hostile:
    """A route with words that do not belong there, by any method."""
    path = choose.choice(PATHS)
    while "{}" in path:
        path = path.replace("{}", choose.choice(WORDS), 1)
    method = choose.choice(METHODS)
    body = b"" if method in ("GET", "HEAD", "OPTIONS") else _text(_strange(choose))
    if method not in ("GET", "HEAD") and choose.random() < 0.3:
        keys = (
            "clear",
            "delete",
            "prompt_id",
            "front",
            "number",
            "job_ids",
            "parameters",
            "unload_models",
            "username",
            "text",
        )
        body = _text({choose.choice(keys): _strange(choose) for _ in range(2)})
    return Hostile(method, path, body)


def _change(choose: random.Random, root: dict[str, Any]) -> None:
    """Change one place somewhere inside."""
    places: list[tuple[Any, Any]] = []
    pending: list[Any] = [root]
    while pending:
        one = pending.pop()
        found = list(one.items()) if isinstance(one, dict) else list(enumerate(one))
        places += [(one, key) for key, _ in found]
        pending += [value for _, value in found if isinstance(value, dict | list)]
    if not places:
        return
    where, key = choose.choice(places)
    match choose.randrange(5):
        case 0:
            del where[key]
        case 1 if isinstance(where, dict):
            where[choose.choice(("", "x", "inputs", "type", "class_type", "nodes", "links", "format", "\u0000"))] = (
                where.pop(key)
            )
        case 2:
            where[key] = choose.choice(TYPES)
        case 3:
            where[key] = json.loads(_text(choose.choice(places)[0]))
        case _:
            where[key] = _strange(choose)


def _strange(choose: random.Random) -> Any:  # noqa: ANN401 - any value
    """One of the strange values, of its own: what holds it may be changed again."""
    return copy.deepcopy(choose.choice(STRANGE))


def _text(value: object) -> bytes:
    return json.dumps(value).encode()
