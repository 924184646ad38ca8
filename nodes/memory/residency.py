"""Which networks are loaded, and for how long: the one owner of modules.

Nodes pass references (`WeightsRef`) around and borrow the module while they compute. A module nobody is using may be
dropped when the shared byte budget is exceeded, the one that is cheapest to load again for its size first.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import torch
from torch import nn

from graph.cache.budget import Budget
from nodes.diffusion.clip import TextEncoder
from nodes.diffusion.streaming import is_streamed
from nodes.diffusion.tokenizer import Tokenizer
from nodes.diffusion.unet import UNet
from nodes.diffusion.vae import Vae
from nodes.memory.policy import DevicePolicy, Placement
from nodes.memory.probe import free_bytes
from nodes.weights.errors import WeightsChanged
from nodes.weights.keymaps import Part
from nodes.weights.load import Held, WeightsRef, build, load_part, mapped_from, stored_bytes
from nodes.weights.vocabulary import load_tokenizer

Module = TypeVar("Module", bound=nn.Module)
Value = TypeVar("Value")
Loader = Callable[[WeightsRef, Placement], nn.Module]


@dataclass(slots=True)
class _Resident:
    value: object
    nbytes: int
    seconds: float
    worth: float
    users: int


class Residency:
    """Loaded modules by (file content, part, placement). Safe to use from several threads."""

    def __init__(
        self,
        policy: DevicePolicy,
        budget: Budget,
        load: Loader | None = None,
        clock: Callable[[], float] = time.perf_counter,
        free: Callable[[torch.device], int] = free_bytes,
    ) -> None:
        """`load`, `clock` (seconds) and `free` (bytes) are for tests; without them weights come from files, in real time,
        and memory is that of the machine."""
        self.policy = policy
        self.free_bytes = free
        self._budget = budget
        self._load = load if load is not None else load_placed
        self._now = clock
        self._residents: dict[Hashable, _Resident] = {}
        self._tokenizers: dict[str, Tokenizer] = {}
        self._offloaded: set[tuple[str, Part]] = set()
        self._sizes: dict[Hashable, int] = {}
        self._loading: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)
        self._age = 0.0
        self._lock = threading.Lock()
        budget.join(self)

    @contextmanager
    def unet(self, ref: WeightsRef) -> Iterator[UNet]:
        """Borrow a U-Net. Raises a `WeightsError` if the file cannot be used."""
        with self._borrow(ref, UNet) as module:
            yield module

    @contextmanager
    def vae(self, ref: WeightsRef) -> Iterator[Vae]:
        """Borrow a VAE. Raises a `WeightsError` if the file cannot be used."""
        with self._borrow(ref, Vae) as module:
            yield module

    @contextmanager
    def text_encoder(self, ref: WeightsRef) -> Iterator[TextEncoder]:
        """Borrow a text encoder. Raises a `WeightsError` if the file cannot be used."""
        with self._borrow(ref, TextEncoder) as module:
            yield module

    def tokenizer(self, ref: WeightsRef) -> Tokenizer:
        """The tokenizer of a text encoder. Small, and kept."""
        with self._loading_of(("tokenizer", ref.digest)):
            if ref.digest not in self._tokenizers:
                self._tokenizers[ref.digest] = load_tokenizer(ref.path)
            return self._tokenizers[ref.digest]

    def free(self) -> int:
        """Begin anew, as somebody asked for: drop what is not in use, and stream no U-Net for having lacked memory once.
        Returns the bytes freed."""
        self._offloaded.clear()
        return self.clear()

    def clear(self) -> int:
        """Drop every module that is not in use; returns the bytes freed."""
        with self._lock:
            idle = [key for key, resident in self._residents.items() if resident.users == 0]
            freed = sum(self._residents.pop(key).nbytes for key in idle)
        self._budget.charge(-freed)
        return freed

    def has_room(self, nbytes: int) -> bool:
        """Whether so many bytes fit beside what is in use now."""
        with self._lock:
            used = sum(resident.nbytes for resident in self._residents.values() if resident.users > 0)
        return self._budget.limit is None or used + nbytes <= self._budget.limit

    @property
    def nbytes(self) -> int:
        """Bytes of all resident weights."""
        with self._lock:
            return sum(resident.nbytes for resident in self._residents.values())

    def cheapest(self) -> float | None:
        """For the budget: seconds of loading per byte of what would be dropped next."""
        with self._lock:
            key = self._least()
            return None if key is None else self._residents[key].worth - self._age

    def drop_cheapest(self) -> int:
        """For the budget: drop that, and return the bytes freed."""
        with self._lock:
            key = self._least()
            if key is None:
                return 0
            dropped = self._residents.pop(key)
            self._age = dropped.worth
            return dropped.nbytes

    @contextmanager
    def borrow(self, key: Hashable, nbytes: Callable[[], int], load: Callable[[], Value]) -> Iterator[Value]:
        """Borrow anything that is loaded from files: `load` makes it, if it is not here, and it takes so many bytes.

        Raises `WeightsChanged` if its file was written into meanwhile: what was computed is worth nothing.
        """
        resident = self._enter(key, nbytes, load)
        try:
            yield cast("Value", resident.value)
        finally:
            self._leave(resident)
        if not _is_intact(resident):
            raise WeightsChanged(
                "a model file was written into while it was used",
                hint="Wait until it is written, and run again. Replace model files by renaming new ones over them.",
            )

    @contextmanager
    def _borrow(self, ref: WeightsRef, kind: type[Module]) -> Iterator[Module]:
        placement = self.placement(ref)
        key = (ref.digest, ref.part, ref.config, ref.rounded_to, placement)
        with self.borrow(key, lambda: weights_bytes(ref, placement), lambda: self._load(ref, placement)) as module:
            if not isinstance(module, kind):
                raise TypeError(f"{ref.part} of {ref.path.name} is no {kind.__name__}")
            yield module

    def placement(self, ref: WeightsRef) -> Placement:
        """As the policy says; a U-Net that would not fit alone, or was found not to, is streamed."""
        placement = self.policy.placement_of(ref)
        if ref.part is not Part.UNET or ref.rounded_to is not None:
            return placement
        limit = self._budget.limit
        too_large = limit is not None and self._whole_bytes(ref, placement) > limit
        return (
            replace(placement, streamed=True) if too_large or (ref.digest, ref.part) in self._offloaded else placement
        )

    def _whole_bytes(self, ref: WeightsRef, placement: Placement) -> int:
        """As `weights_bytes`, which builds the network to count: once for each kind."""
        key = (ref.part, ref.config, placement.dtype)
        if key not in self._sizes:
            self._sizes[key] = weights_bytes(ref, placement)
        return self._sizes[key]

    def make_room(self, ref: WeightsRef | None = None) -> None:
        """Memory ran out: drop what nobody uses, and stream the U-Net `ref` from now on."""
        if ref is not None:
            self._offloaded.add((ref.digest, ref.part))
        self.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _enter(self, key: Hashable, nbytes: Callable[[], int], load: Callable[[], object]) -> _Resident:
        # One lock for each key: two lanes that want the same thing load it once, others do not wait.
        with self._loading_of(key):
            with self._lock:
                resident = self._residents.pop(key, None)
                stale = resident if resident is not None and resident.users == 0 and not _is_intact(resident) else None
                if resident is not None and stale is None:
                    self._residents[key] = resident  # last: of two that cost the same, the one used longer ago goes
                    resident.users += 1
                    resident.worth = self._age + resident.seconds / max(resident.nbytes, 1)
                    return resident
            if stale is not None:
                self._budget.charge(-stale.nbytes)
                del stale, resident
            return self._admit(key, nbytes(), load)

    def _loading_of(self, key: Hashable) -> threading.Lock:
        with self._lock:
            return self._loading[key]

    def _admit(self, key: Hashable, nbytes: int, load: Callable[[], object]) -> _Resident:
        with ExitStack() as undo:
            # Room is made before loading, so that the old and the new are never both held; in no lock of ours, since
            # the budget calls back to have something dropped.
            self._budget.charge(nbytes)
            undo.callback(self._budget.charge, -nbytes)
            started = self._now()
            value = load()
            seconds = self._now() - started
            undo.pop_all()
        with self._lock:
            worth = self._age + seconds / max(nbytes, 1)
            self._residents[key] = _Resident(value, nbytes, seconds, worth, users=1)
            return self._residents[key]

    def _leave(self, resident: _Resident) -> None:
        with self._lock:
            resident.users -= 1
        # What was in use while the budget was exceeded can be dropped now.
        self._budget.charge(0)

    def _least(self) -> Hashable | None:
        idle = [(resident.worth, key) for key, resident in self._residents.items() if resident.users == 0]
        return min(idle, key=lambda pair: pair[0])[1] if idle else None


def _is_intact(resident: _Resident) -> bool:
    file = mapped_from(resident.value)
    return file is None or file.is_intact()


def load_placed(ref: WeightsRef, placement: Placement) -> nn.Module:
    """Load a part from its file and put it where the policy wants it."""
    held = Held(placement.channels_last and not placement.streamed, placement.streamed)
    return placed(load_part(ref, placement.dtype, held).module, placement)


def placed(module: nn.Module, placement: Placement) -> nn.Module:
    """A module that was just loaded, in its memory layout and on its device."""
    for parameter in module.parameters():
        if placement.streamed and is_streamed(parameter):
            continue
        if placement.channels_last and parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        parameter.data = parameter.data.to(placement.device)
    return module


def weights_bytes(ref: WeightsRef, placement: Placement) -> int:
    """Bytes that the weights of a part take once loaded."""
    if placement.streamed:
        return stored_bytes(ref)
    parameters = build(ref.part, ref.config).parameters()
    return sum(parameter.numel() for parameter in parameters) * placement.dtype.itemsize
