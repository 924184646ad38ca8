"""Rows of what a job brings with it: model files that lie, and more than there is memory for."""

from __future__ import annotations

import json
import random
import struct
import time
from pathlib import Path
from typing import Any, Final

from nodes.weights.embedded import embedded_checkpoints
from tests.server.program import Program, started
from tests.torture.driver import Driver, workflow
from tests.torture.outcome import Outcome, broken

_UNCLEAN: Final = ("internal", "node_failed", "quarantined")
_NAME: Final = "changed.safetensors"


def corrupt_models(driver: Driver, n: int, mutant: str) -> Outcome:
    """Checkpoints whose heads were changed by chance are refused with a code, and nothing made of them is found later."""
    choose = random.Random(12)
    sound = next(iter(embedded_checkpoints().values())).read_bytes()
    folder = driver.folder / "models" / "checkpoints"
    folder.mkdir(parents=True)
    found: list[str] = []
    codes: dict[str, float] = {}
    with started(driver.folder) as service:
        while service.ask("/health/ready")[0] != 200:
            time.sleep(0.1)
        _, wanted = _loaded(service, sound, folder / _NAME)
        if wanted["state"] != "done":
            found.append(f"the sound file: {wanted}")
        workers = service.workers()
        for index in range(n):
            changed = _changed(choose, sound)
            code = _refused(service, changed, folder / _NAME)
            codes[code] = codes.get(code, 0) + 1
            if code in _UNCLEAN or code == "done":
                found.append(f"file {index}: {code}")
            if index % 10 == 0 and code != (again := _refused(service, changed, folder / _NAME)):
                found.append(f"file {index}: {code}, and {again} the second time")
        if service.workers() != workers or service.process.poll() is not None:
            found.append("a process has died of it")
        _, last = _loaded(service, sound, folder / _NAME)
        if last["state"] != "done" or _digests(last) != _digests(wanted):
            found.append(f"the sound file again: {last}")
    return Outcome(n, found, dict(sorted(codes.items())))


def _loaded(service: Program, content: bytes, path: Path) -> tuple[int, Any]:
    """A job that encodes a picture with what is in the file; its name is the same each time."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    nodes = {
        "c": {"type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": path.name}},
        "l": {"type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64}},
        "d": {
            "type": "VAEDecode",
            "inputs": {"samples": {"from": ["l", "LATENT"]}, "vae": {"from": ["c", "VAE"]}},
        },
        "s": {"type": "PreviewImage", "inputs": {"images": {"from": ["d", "IMAGE"]}}},
    }
    return service.job({"format": "latentgraph/1", "nodes": nodes})


def _digests(job: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [one["digest"] for one in job["outputs"]]


def _refused(service: Program, content: bytes, path: Path) -> str:
    """The code with which the job was refused or failed, else its state."""
    status, told = _loaded(service, content, path)
    if status != 200:
        return str(told["problems"][0]["code"])
    return str(told["error"]["code"]) if told["error"] else str(told["state"])


def _changed(choose: random.Random, sound: bytes) -> bytes:
    """A file of a sound one that no reader may take for one: its length, its head or what the head says is another."""
    (length,) = struct.unpack("<Q", sound[:8])
    head = json.loads(sound[8 : 8 + length])
    names = [name for name in head if name != "__metadata__"]
    name = choose.choice(names)
    entry = head[name]
    match choose.randrange(9):
        case 0:
            return sound[: choose.randrange(len(sound))]
        case 1:
            return (
                struct.pack("<Q", choose.choice([0, 1, 7, length - 1, length + 1, 2**31, 2**63, 2**64 - 1])) + sound[8:]
            )
        case 2:
            at = 8 + choose.randrange(length)
            return sound[:at] + bytes(choose.choice([[0], [255], [0x7B, 0x7B]])) + sound[at + 3 :]
        case 3:
            entry["data_offsets"] = [one + choose.choice([-4, 1, 2**40]) for one in entry["data_offsets"]]
        case 4:
            entry["data_offsets"] = entry["data_offsets"][::-1] if any(entry["data_offsets"]) else [1]
        case 5:
            entry["shape"] = choose.choice([[-1], [2**40, 2**40], [*entry["shape"], 2], [1.5], "x", None])
        case 6:
            entry["dtype"] = choose.choice(["F31", "", 5, None, "F64"])
        case 7:
            head[name] = choose.choice([None, [], {}, 3, {"dtype": "F32"}])
        case _:
            return sound + bytes(choose.randrange(1, 5000))
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + sound[8 + length :]


def memory_runs_out(driver: Driver, n: int, mutant: str) -> Outcome:
    """A node asks for more memory than there is, or says so: it fails, the worker lives and gives back what it took."""
    driver.options = broken(mutant)
    driver.start()
    found: list[str] = []
    held: list[int] = []
    pids: set[tuple[int, ...]] = set()
    for index in range(n):
        greedy = workflow(index)
        how = "allocates" if index % 5 == 0 else "says"
        greedy["nodes"]["first"] = {"type": "RunsOut", "inputs": {"how": how, "number": index}}
        bad = driver.ask("/api/v1/jobs?wait=60", {"workflow": greedy})
        good = driver.ask("/api/v1/jobs?wait=60", {"workflow": workflow(index)})
        if ((bad["error"] or {}).get("code"), good["state"]) != ("out_of_memory", "done"):
            found.append(f"job {index}: {bad['state']} {bad['error']}, the next {good['state']}")
        pids.add(tuple(driver.workers))
        held.append(_resident(driver.workers[0]))
    driver.stop()
    if len(pids) != 1:
        found.append("the worker has died of it")
    early = held[min(9, n // 2)]
    if max(held[-5:]) > early * 1.05:
        found.append(f"the worker held {early:,} bytes, and then {max(held[-5:]):,}")
    return Outcome(n, found, {"MiB held": round(held[-1] / 2**20, 1)})


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
