"""`python -m server.worker --socket FD`: a worker on one device. Started by the service, never by hand."""

from __future__ import annotations

import argparse
import socket
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch

from graph.errors import GraphError
from graph.json import JsonObject
from nodes.catalogue import found_in, load_implementations
from nodes.memory.policy import DevicePolicy
from nodes.memory.residency import Residency
from server.logs import set_up
from server.options import add_computing, add_places, computing, places_as_given
from server.process import calm_collector
from server.worker.answers import Answers
from server.worker.blobs import Blobs
from server.worker.engine import Engine
from server.worker.frames import Channel
from server.worker.process import UNABLE, Worker, unable
from server.workspace import Workspace


class DiffusionEngine(Engine):
    """The engine with weights in memory, which can be let go too."""

    def free(self) -> None:
        super().free()
        weights = self.services.get(Residency)
        if isinstance(weights, Residency):
            weights.free()


def about(engine: Engine) -> JsonObject:
    """The device, as ComfyUI's `/system_stats` lists devices."""
    policy = engine.services[DevicePolicy]
    device = torch.device(policy.device if isinstance(policy, DevicePolicy) else "cpu")
    if device.type != "cuda":
        return {"name": device.type, "type": device.type, "index": None, "vram_total": 0, "vram_free": 0}
    index = device.index or 0
    free, total = torch.cuda.mem_get_info(index)
    reserved, used = torch.cuda.memory_reserved(index), torch.cuda.memory_allocated(index)
    return {
        "name": f"cuda:{index} {torch.cuda.get_device_name(index)}",
        "type": device.type,
        "index": index,
        "vram_total": total,
        "vram_free": free + reserved - used,
        "torch_vram_total": reserved,
        "torch_vram_free": reserved - used,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    calm_collector()
    parser = argparse.ArgumentParser(prog="python -m server.worker", description=__doc__)
    parser.add_argument("--socket", type=int, required=True, help="an inherited socket to the service")
    parser.add_argument("--blobs", type=Path, required=True, help="where what jobs save is kept by its content")
    add_places(parser)
    add_computing(parser)
    options = parser.parse_args(arguments)
    set_up()
    how = computing(options)
    channel = Channel(socket.socket(fileno=options.socket))
    with Workspace(places_as_given(options)) as workspace:
        try:
            services = workspace.services(how)
        except GraphError as error:  # a device that is not here, or not any more
            channel.send(unable(error))
            return UNABLE
        implementations = load_implementations()
        engine = DiffusionEngine(workspace, implementations, workspace.values(), services, workspace.environment(how))
        answers = {**Answers(workspace.folders).by_question(), "device": lambda _: about(engine)}
        # What the first plan imports, while no job has come yet: a third of a second.
        threading.Thread(target=import_module, args=["networkx"], daemon=True).start()
        found = found_in(implementations).to_json()
        Worker(channel, engine, about(engine), answers, Blobs(options.blobs).keep, found).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
