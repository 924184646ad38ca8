"""Control networks: parity with diffusers on small weights, and when, where and how strongly hints take part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from nodes.diffusion.conditioning import Area, ConditioningEntry, with_shared_hints
from nodes.diffusion.config import SD15, SDXL, ModelConfig, UNetConfig
from nodes.diffusion.control import ControlHint, Seen
from nodes.diffusion.control_net import ControlNet, ControlNetConfig
from nodes.diffusion.inputs import Canvas
from nodes.diffusion.sampling import diffusion_model, guide
from nodes.diffusion.unet import ControlResiduals
from nodes.weights.diffusers_names import unet_name, unet_prefixes
from tests.nodes.golden import needs_shared, state_dict_shapes
from tests.nodes.tiny import UNET, UNET_LABELLED, fill, tiny_unet
from tests.nodes.toy_denoise import ToyNetwork, says

DIFFUSERS: Any = diffusers

H, W = 6, 8
X = torch.randn(1, 4, H, W, generator=torch.Generator().manual_seed(0)) * 3
HIGH, LOW = torch.tensor(10.0), torch.tensor(0.5)
PICTURE = torch.rand(1, 8 * H, 8 * W, 3, generator=torch.Generator().manual_seed(1))


@pytest.mark.golden
@needs_shared
@pytest.mark.parametrize(("table", "family"), [("controlnet_sd15", SD15), ("controlnet_sdxl", SDXL)])
def test_names_and_shapes_of_real_files(table: str, family: ModelConfig) -> None:
    with torch.device("meta"):
        network = ControlNet(ControlNetConfig(family.family, family.unet))
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes == state_dict_shapes(table, "control_model.")


def diffusers_control_net(network: ControlNet) -> Any:
    config = network.config.unet
    levels = [depth > 0 for depth in config.transformer_depth]
    other = DIFFUSERS.ControlNetModel(
        block_out_channels=tuple(config.model_channels * mult for mult in config.channel_mult),
        layers_per_block=config.num_res_blocks,
        down_block_types=tuple("CrossAttnDownBlock2D" if deep else "DownBlock2D" for deep in levels),
        cross_attention_dim=config.context_dim,
        attention_head_dim=config.num_heads,
        norm_num_groups=config.norm_num_groups,
        conditioning_embedding_out_channels=(16, 32, 96, 256),
    )
    other.load_state_dict({diffusers_name(name, config): one for name, one in network.state_dict().items()})
    return other.eval()


def diffusers_name(name: str, config: UNetConfig) -> str:
    parts = name.split(".")
    match parts[0]:
        case "zero_convs":
            return f"controlnet_down_blocks.{parts[1]}.{parts[-1]}"
        case "middle_block_out":
            return f"controlnet_mid_block.{parts[-1]}"
        case "input_hint_block":
            index = int(parts[1]) // 2
            place = "conv_in" if index == 0 else "conv_out" if index == 7 else f"blocks.{index - 1}"
            return f"controlnet_cond_embedding.{place}.{parts[-1]}"
        case _:
            return unet_name(name, unet_prefixes(config))


def test_equals_diffusers() -> None:
    network = fill(ControlNet(ControlNetConfig("tiny", UNET)), 7)
    other = diffusers_control_net(network)
    x, context, hint = torch.randn(2, 4, 8, 8), torch.randn(2, 5, UNET.context_dim), torch.rand(2, 3, 64, 64)
    times = torch.tensor([3.0, 700.0])
    ours = network(x, times, context, None, hint)
    with torch.no_grad():
        down, middle = other(x, times, context, hint, return_dict=False)
    for one, two in zip((*ours.skips, ours.middle), (*down, middle), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 5)])
@pytest.mark.parametrize("labelled", [False, True])
def test_residuals_fit_the_unet(height: int, width: int, labelled: bool) -> None:
    config = UNET_LABELLED if labelled else UNET
    network = fill(ControlNet(ControlNetConfig("tiny", config)), 7)
    x, context = torch.randn(1, 4, height, width), torch.randn(1, 5, config.context_dim)
    y = torch.randn(1, 40) if labelled else None
    added = network(x, torch.tensor([500.0]), context, y, torch.rand(1, 3, 8 * height, 8 * width))
    unet = tiny_unet(config)
    steered = unet(x, torch.tensor([500.0]), context, y, added)
    assert steered.shape == x.shape
    assert not torch.equal(steered, unet(x, torch.tensor([500.0]), context, y))


def test_global_average_has_no_place() -> None:
    network = fill(ControlNet(ControlNetConfig("tiny", UNET, global_average=True)), 7)
    added = network(X, torch.tensor([500.0]), torch.randn(1, 5, UNET.context_dim), None, PICTURE.movedim(-1, 1))
    for residual in (*added.skips, added.middle):
        assert float((residual - residual[..., :1, :1]).abs().max()) == 0.0


def test_a_union_network_is_told_the_kind() -> None:
    network = fill(ControlNet(ControlNetConfig("tiny", UNET, union_types=4)), 7)
    context = torch.randn(1, 5, UNET.context_dim)
    middles = [
        network(X, torch.tensor([500.0]), context, None, PICTURE.movedim(-1, 1), kind).middle for kind in (None, 0, 3)
    ]
    assert not torch.equal(middles[0], middles[1])
    assert not torch.equal(middles[1], middles[2])


@dataclass
class Spy:
    """A control network that adds a number to the toy network, and remembers what it saw."""

    value: float = 0.25
    hints: list[Tensor] = field(default_factory=list)
    pixel_multiple: int = 1

    def read(self, hint: Tensor, kind: int | None) -> Seen:
        self.hints.append(hint)
        return (torch.full((len(hint), 1, 1, 1), self.value),)

    def steer(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None, seen: Seen, kind: int | None
    ) -> ControlResiduals:
        assert len(seen[0]) == len(x)
        return ControlResiduals((), seen[0].expand_as(x[:, :1]))


CAT, BAD = says(0.3), says(0.9)
HINT = ControlHint("net", PICTURE)


def predict(
    positive: Sequence[ConditioningEntry],
    negative: Sequence[ConditioningEntry] = (),
    sigma: Tensor = HIGH,
    *,
    spy: Spy | None = None,
    network: ToyNetwork | None = None,
    cfg: float = 5.0,
) -> Tensor:
    model = diffusion_model(ModelConfig("toy", UNetConfig()), network or ToyNetwork(), {"net": spy or Spy()})
    return guide(model, positive, negative or (BAD,), cfg, Canvas(X))(X, sigma)


def steered(entry: ConditioningEntry, **changes: Any) -> ConditioningEntry:
    return replace(entry, controls=(*entry.controls, replace(HINT, **changes)))


def test_a_hint_moves_the_prediction_as_strongly_as_it_says() -> None:
    plain = predict((CAT,))
    assert torch.equal(predict((steered(CAT, strength=0.0),)), plain)
    assert not torch.equal(predict((steered(CAT),)), plain)
    twice = predict((steered(steered(CAT, strength=0.5), strength=0.5),))
    torch.testing.assert_close(twice, predict((steered(CAT),)))


@pytest.mark.parametrize(
    ("start", "end", "high", "low"), [(0.0, 1.0, True, True), (0.0, 0.5, True, False), (0.5, 1.0, False, True)]
)
def test_a_hint_takes_part_in_its_range(start: float, end: float, high: bool, low: bool) -> None:
    entry = steered(CAT, start_percent=start, end_percent=end)
    for sigma, expected in ((HIGH, high), (LOW, low)):
        assert torch.equal(predict((entry,), sigma=sigma), predict((CAT,), sigma=sigma)) != expected


def test_sides_with_the_same_hint_share_a_call_and_others_do_not() -> None:
    hint = (HINT,)
    for negative, calls in ((replace(BAD, controls=hint), [2]), (BAD, [1, 1])):
        network = ToyNetwork()
        predict((replace(CAT, controls=hint),), (negative,), network=network)
        assert network.batches == calls


def test_pictures_are_read_once_in_a_run() -> None:
    spy, entry = Spy(), steered(CAT, image=torch.rand(2, 48, 64, 3))
    x = torch.randn(3, 4, H, W)
    model = diffusion_model(ModelConfig("toy", UNetConfig()), ToyNetwork(), {"net": spy})
    guidance = guide(model, (entry,), (replace(BAD, controls=entry.controls),), 5.0, Canvas(x))
    for sigma in (HIGH, LOW, LOW):
        guidance(x, sigma)
    assert [hint.shape for hint in spy.hints] == [(2, 3, 8 * H, 8 * W)]


def test_the_opposite_of_an_area_is_steered_as_the_area_is() -> None:
    inside = replace(steered(CAT), area=Area(H, 4, 0, 0))
    network, spy = ToyNetwork(), Spy()
    predict((inside, CAT), (BAD,), spy=spy, network=network)
    assert network.batches == [2, 2]  # the area and its opposite share hints and a call, the whole picture has none


@pytest.mark.parametrize("size", [(48, 64), (100, 100), (20, 64)])
def test_a_picture_of_any_size_is_fitted(size: tuple[int, int]) -> None:
    spy = Spy()
    predict((steered(CAT, image=torch.rand(1, *size, 3)),), spy=spy)
    assert [hint.shape for hint in spy.hints] == [(1, 3, 8 * H, 8 * W)]


def test_in_an_area_the_picture_is_fitted_to_it() -> None:
    spy = Spy()
    predict((replace(steered(CAT), area=Area(H, 4, 0, 0)), CAT), spy=spy, cfg=1.0)
    assert [hint.shape for hint in spy.hints] == [(1, 3, 8 * H, 32)]


class TestSharedHints:
    shared = replace(CAT, controls=(replace(HINT, also_negative=True),))

    def test_the_negative_side_takes_the_hints_of_the_positive(self) -> None:
        (negative,) = with_shared_hints((self.shared,), (BAD,))
        assert negative.controls == self.shared.controls

    def test_only_hints_for_both_sides_are_shared(self) -> None:
        assert with_shared_hints((steered(CAT),), (BAD,)) == (BAD,)

    def test_hints_of_its_own_come_first(self) -> None:
        own = steered(BAD)
        assert with_shared_hints((self.shared,), (own,)) == (own,)

    def test_areas_neither_give_nor_take(self) -> None:
        area = Area(2, 2, 0, 0)
        assert with_shared_hints((replace(self.shared, area=area),), (BAD,)) == (BAD,)
        inside = replace(BAD, area=area)
        assert with_shared_hints((self.shared,), (inside,)) == (inside,)

    def test_more_givers_than_takers(self) -> None:
        other = replace(self.shared, controls=(replace(HINT, also_negative=True),))
        negative = with_shared_hints((self.shared, other), (BAD,))
        assert [entry.controls for entry in negative] == [other.controls]


@dataclass
class Adapter(Spy):
    """One that adds to the middle alone, and to no skip."""

    pixel_multiple: int = 16


def test_controls_of_different_kinds_add_up() -> None:
    model = diffusion_model(ModelConfig("toy", UNetConfig()), ToyNetwork(), {"net": Spy(0.25), "adapter": Adapter(0.5)})
    both = replace(CAT, controls=(HINT, replace(HINT, network="adapter")))
    result = guide(model, (both,), (BAD,), 1.0, Canvas(X))(X, HIGH)
    stronger = predict((steered(CAT),), spy=Spy(0.75), cfg=1.0)
    torch.testing.assert_close(result, stronger)


def test_pictures_are_rounded_up_to_what_a_network_takes() -> None:
    adapter = Adapter()
    model = diffusion_model(ModelConfig("toy", UNetConfig()), ToyNetwork(), {"net": adapter})
    x = X[..., :5, :7]
    guide(model, (steered(CAT),), (BAD,), 1.0, Canvas(x))(x, HIGH)
    assert [hint.shape for hint in adapter.hints] == [(1, 3, 48, 64)]
