"""Control-LoRA files: a control network as small changes to the U-Net that it steers.

Layers that only a control network has are whole. Of the others the file has what differs: whole tensors, or for a weight the
factors `up` [out, rank] and `down` [rank, in, ...], whose product is added to the U-Net's weight.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graph.errors import listed
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.weights.errors import WeightsMissing
from nodes.weights.files import Header, read_tensors
from nodes.weights.patched import PatchedPart


def load_control_lora(header: Header, config: ControlNetConfig, base: PatchedPart, dtype: torch.dtype) -> ControlNet:
    """The network with its weights, on the CPU; `base` is the U-Net with all that lies over it. Raises `WeightsMissing` for
    one of another shape."""
    with torch.device("meta"):
        network = ControlNet(config)
    wanted = {name: tensor.shape for name, tensor in network.state_dict().items()}
    state = {name: _tensor(header, name, base) for name in wanted}
    wrong = [name for name, tensor in state.items() if tensor is None or tensor.shape != wanted[name]]
    if wrong:
        raise WeightsMissing(
            f"{header.path.name} and {base.stored.file.path.name} do not make a control network: "
            f"{listed(wrong)} missing or of another shape",
            hint=f"It is for {config.family} models.",
        )
    network.load_state_dict({name: one.to(dtype) for name, one in state.items() if one is not None}, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


def _tensor(header: Header, name: str, base: PatchedPart) -> Tensor | None:
    if name in header.tensors:
        return read_tensors(header, [name])[name].float()
    other = base.parameter(name) if name in base.stored.sources else None
    layer, _, kind = name.rpartition(".")
    up, down = f"{layer}.up", f"{layer}.down"
    if other is None or kind != "weight" or up not in header.tensors or down not in header.tensors:
        return other
    factors = read_tensors(header, [up, down])
    product = factors[up].float().flatten(1) @ factors[down].float().flatten(1)
    return other + product.view(other.shape) if product.numel() == other.numel() else None
