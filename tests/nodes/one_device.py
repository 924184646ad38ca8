"""A stand-in for a graphics card where there is none: the meta device, and a rule that no operation mixes devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CARD: Final = "meta"

_COPIES: Final = ("aten::copy_", "aten::_to_copy")


@contextmanager
def one_device() -> Iterator[None]:
    """Refuse what CUDA refuses: operations on tensors of two devices, but for copies and plain numbers."""
    with _OneDevice():  # type: ignore[no-untyped-call]
        yield


class _OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        places = {one.device.type for one in given if one.ndim > 0}
        if len(places) > 1 and func._schema.name not in _COPIES and not _indexes(func, given):
            raise RuntimeError(f"{func} mixes {', '.join(sorted(places))}")
        run: Callable[..., Any] = func
        return run(*args, **(kwargs or {}))


def _indexes(func: Any, given: list[Tensor]) -> bool:
    """Indices may be on the CPU."""
    whole = [one for one in given if one.dtype not in (torch.int64, torch.bool)]
    return "index" in func._schema.name and len({one.device.type for one in whole}) < 2
