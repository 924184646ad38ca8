"""The modules behind the handles on wires, for node bodies: found on disk, borrowed, and on which device.

A handle remembers the path its file had when it was made, and may outlive that (a cached handle is used again after
the file was moved or replaced). What it means is the content, so a path that no longer leads there is looked up anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import nn

from graph.context import Context
from nodes.diffusion.adapters import Applied, AttentionScale, Parameters, adapted, without_cheap_form
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.control import ControlNetwork
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.diffusion.gligen import Gligen
from nodes.diffusion.hypernetwork import with_hypernetwork
from nodes.diffusion.t2i_adapter import T2iAdapter
from nodes.diffusion.taesd import TaesdDecoder, TaesdEncoder, tiny_vae
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unclip import EmbeddingStatistics
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Autoencoder
from nodes.diffusion.views import ModuleT
from nodes.folders import FolderError, Folders
from nodes.memory.residency import Residency, placed, weights_bytes
from nodes.misplaced import expecting
from nodes.weights.embedding_statistics import read_statistics
from nodes.weights.hypernetworks import HypernetworkRef, hypernetwork_bytes, load_hypernetwork
from nodes.weights.keymaps import Part
from nodes.weights.load import CLIP_ROUNDED_TO, WeightsRef
from nodes.weights.lora import AdapterRef, changes_bytes, load_changes
from nodes.weights.networks import NetworkConfig, NetworkRef, TaesdRef, load_network, network_bytes
from nodes.weights.patched import load_patched, merge_layers, merged_bytes
from nodes.weights.patches import Merge, WeightPatch, split_at_merge, with_paths

_NOWHERE: Final = Path()


@dataclass(frozen=True, slots=True)
class Models:
    """Borrows modules for a node body."""

    folders: Folders
    residency: Residency

    @classmethod
    def of(cls, context: Context) -> Models:
        """From the services of a run."""
        return cls(context.service(Folders), context.service(Residency))

    @contextmanager
    def unet(
        self,
        ref: WeightsRef,
        adapters: Sequence[WeightPatch] = (),
        hypernetworks: Sequence[HypernetworkRef] = (),
    ) -> Iterator[UNet]:
        """A U-Net, seen through adapters and hypernetworks: the resident module itself is not touched."""
        merged, later = split_at_merge(adapters)
        whole = self._merged(ref, merged, UNet) if merged else self.residency.unet(self.located_weights(ref))
        with (
            whole as network,
            self._adapted(network, ref, merged, later) as adapted_view,
            self._under_hypernetworks(network, adapted_view, ref, hypernetworks) as view,
        ):
            yield view

    @contextmanager
    def _under_hypernetworks(
        self, network: UNet, view: UNet, ref: WeightsRef, hypernetworks: Sequence[HypernetworkRef]
    ) -> Iterator[UNet]:
        placement = self.residency.policy.placement_of(ref)
        device = torch.device(placement.device)
        with ExitStack() as borrowed:
            for one in hypernetworks:
                path = self._path(one.path, one.digest)
                loaded = borrowed.enter_context(
                    self.residency.borrow(
                        ("hypernetwork", one.digest, placement),
                        lambda path=path: hypernetwork_bytes(path, placement.dtype),  # type: ignore[misc]
                        lambda path=path: load_hypernetwork(path, device, placement.dtype),  # type: ignore[misc]
                    )
                )
                view = with_hypernetwork(network, view, loaded, one.strength)
            yield view

    @contextmanager
    def vae(self, ref: WeightsRef | TaesdRef) -> Iterator[Autoencoder]:
        """An autoencoder: that of a checkpoint, or a tiny one."""
        if isinstance(ref, WeightsRef):
            with self.residency.vae(self.located_weights(ref)) as module:
                yield module
        else:
            with self.network(ref.encoder, TaesdEncoder) as encoder, self.network(ref.decoder, TaesdDecoder) as decoder:
                yield tiny_vae(ref.config, encoder, decoder)

    @contextmanager
    def text_encoder(self, ref: WeightsRef, adapters: Sequence[WeightPatch] = ()) -> Iterator[TextEncoder]:
        """A text encoder, seen through adapters."""
        merged, later = split_at_merge(adapters)
        whole = (
            self._merged(ref, merged, TextEncoder) if merged else self.residency.text_encoder(self.located_weights(ref))
        )
        with whole as encoder, self._adapted(encoder, ref, merged, later) as view:
            yield view

    def statistics(self, ref: WeightsRef) -> EmbeddingStatistics | None:
        """Those of the pictures that an unCLIP model was trained on; None for others."""
        return None if ref.config.label != "picture" else read_statistics(self.located_weights(ref))

    def tokenizer(self, ref: WeightsRef) -> Tokenizer:
        return self.residency.tokenizer(self.located_weights(ref))

    def device(self, ref: WeightsRef | TaesdRef) -> torch.device:
        """Where the module of a reference computes."""
        if isinstance(ref, TaesdRef):
            return self.network_device
        return torch.device(self.residency.policy.placement_of(ref).device)

    @property
    def network_device(self) -> torch.device:
        """Where networks in files of their own compute."""
        return torch.device(self.residency.policy.device)

    @contextmanager
    def network(self, ref: NetworkRef, kind: type[ModuleT]) -> Iterator[ModuleT]:
        """A network in a file of its own, of the kind that the socket its handle came through promises."""
        with self._network(ref) as module:
            yield _expected(module, ref, kind)

    @contextmanager
    def groundings(self, refs: Iterable[Hashable]) -> Iterator[Mapping[Hashable, Gligen]]:
        """The networks that read boxes, each by its reference."""
        with ExitStack() as borrowed:
            networks: dict[Hashable, Gligen] = {}
            for ref in dict.fromkeys(refs):
                if not isinstance(ref, NetworkRef):
                    raise TypeError(f"{ref!r} is no reference to a GLIGEN network")
                networks[ref] = borrowed.enter_context(self.network(ref, Gligen))
            yield networks

    @contextmanager
    def control_nets(
        self, refs: Iterable[Hashable], steered: WeightsRef, adapters: Sequence[WeightPatch] = ()
    ) -> Iterator[Mapping[Hashable, ControlNetwork]]:
        """The control networks that hints name, each by its reference, for the U-Net that they steer, under its adapters."""
        with ExitStack() as borrowed:
            yield {
                ref: borrowed.enter_context(self._control_net(ref, steered, adapters)) for ref in dict.fromkeys(refs)
            }

    @contextmanager
    def _control_net(
        self, ref: Hashable, steered: WeightsRef, adapters: Sequence[WeightPatch]
    ) -> Iterator[ControlNetwork]:
        if not isinstance(ref, NetworkRef):
            raise TypeError(f"{ref!r} is no reference to a control network")
        is_change = isinstance(ref.config, ControlNetConfig) and ref.config.low_rank
        with self._network(replace(ref, base=steered, base_patches=tuple(adapters)) if is_change else ref) as module:
            if not isinstance(module, ControlNet | T2iAdapter):
                raise TypeError(f"{ref.path.name} is no control network")
            yield module

    @contextmanager
    def _network(self, ref: NetworkRef) -> Iterator[nn.Module]:
        path, device = self._path(ref.path, ref.digest), self.network_device
        dtype = self.residency.policy.network_dtype(ref.config)
        base = None if ref.base is None else self.located_weights(ref.base)
        with self.residency.borrow(
            (
                "network",
                ref.digest,
                ref.config,
                dtype,
                None if base is None else replace(base, path=_NOWHERE),
                _identity(ref.base_patches),
            ),
            lambda: network_bytes(ref.config, dtype),
            lambda: load_network(
                replace(ref, path=path, base=base, base_patches=self.located(ref.base_patches)), dtype
            ).to(device),
        ) as module:
            yield module

    @contextmanager
    def _merged(self, ref: WeightsRef, patches: Sequence[WeightPatch], kind: type[ModuleT]) -> Iterator[ModuleT]:
        """A network whose weights are those of several models. It is resident like one of a file; its sources are not."""
        placement = self.residency.policy.placement_of(ref)
        rounded_to = torch.float32 if ref.part is Part.UNET else CLIP_ROUNDED_TO
        with self.residency.borrow(
            ("merged", replace(ref, path=_NOWHERE), _identity(patches), placement),
            lambda: weights_bytes(ref, placement),
            lambda: placed(
                load_patched(self.located_weights(ref), self.located(patches), placement.dtype, rounded_to), placement
            ),
        ) as module:
            yield _expected(module, ref, kind)

    def located(self, patches: Sequence[WeightPatch]) -> tuple[WeightPatch, ...]:
        """The patches with paths that lead to their contents."""
        return tuple(map(self._patch_located, patches))

    def _patch_located(self, patch: WeightPatch) -> WeightPatch:
        match patch:
            case AdapterRef():
                return replace(patch, path=self._path(patch.path, patch.digest))
            case Merge():
                return replace(
                    patch, others=tuple(map(self.located_weights, patch.others)), patches=self.located(patch.patches)
                )
            case AttentionScale():
                return patch

    @contextmanager
    def _adapted(
        self, module: ModuleT, ref: WeightsRef, below: Sequence[WeightPatch], adapters: Sequence[WeightPatch]
    ) -> Iterator[ModuleT]:
        """A module, loaded under the patches `below`, seen through adapters.

        Weights that have to be made whole are made once and kept beside the base, as long as the budget has room for both.
        """
        rounded_to = None if ref.part is Part.UNET else CLIP_ROUNDED_TO
        with ExitStack() as borrowed:
            changes = self._changes(module, ref, adapters, borrowed)
            whole = without_cheap_form(module, changes, rounded_to)
            ready: Mapping[str, Parameters] = {}
            nbytes = merged_bytes(module, whole)
            if whole and self.residency.has_room(nbytes):
                placement = self.residency.placement(ref)
                identity = (replace(ref, path=_NOWHERE), _identity(below), _identity(adapters), placement)
                ready = borrowed.enter_context(
                    self.residency.borrow(
                        ("merged layers", *identity), lambda: nbytes, lambda: merge_layers(module, whole, rounded_to)
                    )
                )
            yield adapted(module, changes, rounded_to, ready)

    def _changes(
        self, module: nn.Module, ref: WeightsRef, adapters: Sequence[WeightPatch], borrowed: ExitStack
    ) -> Mapping[str, Sequence[Applied]]:
        """What adapters change of a module, by layer."""
        changes: defaultdict[str, list[Applied]] = defaultdict(list)
        for adapter in adapters:
            assert not isinstance(adapter, Merge)
            if isinstance(adapter, AttentionScale):
                for layer, factor in adapter.changes(module).items():
                    changes[layer].append(Applied(factor))
                continue
            path = self._path(adapter.path, adapter.digest)
            by_layer = borrowed.enter_context(
                self.residency.borrow(
                    ("adapter", adapter.digest, ref.part, ref.config),
                    lambda path=path: changes_bytes(path, ref),  # type: ignore[misc]
                    lambda path=path: load_changes(path, ref),  # type: ignore[misc]
                )
            )
            for layer, some in by_layer.items():
                changes[layer] += [Applied(change, adapter.strength) for change in some]
        return changes

    def located_weights(self, ref: WeightsRef) -> WeightsRef:
        """The reference with a path that leads to its content."""
        path = self._path(ref.path, ref.digest)
        return ref if path == ref.path else replace(ref, path=path)

    def _path(self, path: Path, digest: str) -> Path:
        """Where the content is now. Raises `FolderError` (`file_changed`) if it is nowhere known."""
        try:
            if self.folders.digest(path) == digest:
                return path
        except OSError:
            pass  # moved or deleted: the content may still be somewhere
        found = self.folders.with_content(digest)
        if found is None:
            raise FolderError(
                f"{path} is not the file that was loaded",
                code="file_changed",
                hint="It was replaced or deleted meanwhile. Put it back, or run again with the file that is there now.",
            )
        return found


def named_network(
    context: Context, folder: str, name: str, what: str, open_file: Callable[[Path], NetworkConfig]
) -> NetworkRef:
    """The network in a file of its own of this name in a folder; `what` it is called if there is none. Raises `FolderError`,
    and a `WeightsError` where the file is of another kind."""
    folders = context.service(Folders)
    path = folders.existing(folder, name, what)
    with expecting(what, folder, path):
        config = open_file(path)
    return NetworkRef(path, folders.digest(path), config)


def _expected(module: nn.Module, ref: NetworkRef | WeightsRef, kind: type[ModuleT]) -> ModuleT:
    if not isinstance(module, kind):
        raise TypeError(f"{ref.path.name} was loaded as {type(module).__name__}, not as {kind.__name__}")
    return module


def _identity(patches: Sequence[WeightPatch]) -> tuple[WeightPatch, ...]:
    """Patches as a key: by their contents, wherever their files are."""
    return tuple(with_paths(patch, _NOWHERE) for patch in patches)
