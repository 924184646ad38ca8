"""What node bodies may ask of a run, made once for a process: the folders, the device policy, the resident weights."""

from __future__ import annotations

from collections.abc import Mapping

from graph.cache.budget import Budget
from nodes.folders import Folders
from nodes.memory.policy import DevicePolicy, choose_policy, require_usable
from nodes.memory.probe import probe_hardware
from nodes.memory.residency import Residency


def services(folders: Folders, budget: Budget, *, device: str, precision: str) -> Mapping[type, object]:
    """Services by type, for `graph.run.run`. Raises `PolicyError` for a device or precision that is not here."""
    policy = choose_policy(device, precision, probe_hardware())
    require_usable(policy.device)
    return {Folders: folders, DevicePolicy: policy, Residency: Residency(policy, budget)}
