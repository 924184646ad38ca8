"""The judge and the scorecard: they tell right from wrong, and know their own limits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodes.diffusion.judge import SIDE, Judge
from nodes.diffusion.training.initial import seeded
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.training.distances import frechet_distance, nearest, spread
from nodes.training.evaluate import table
from nodes.training.export import known_words
from nodes.training.job import Schedule, train_to_end
from nodes.training.judging import (
    NOT_ASKED,
    JudgeTask,
    Vocabulary,
    answers_of,
    asked,
    compose,
    disturbed,
    drawn,
    right,
    small,
)
from nodes.training.pixel_rules import background_colours, lab, sides
from nodes.training_data.colours import BACKGROUND_COLOURS
from nodes.training_data.composition import Plain, Scenery, another, is_held_out

WORDS = {
    "objects": ["dog", "apple", "car"],
    "recolourable": ["car"],
    "object_colours": ["red", "blue"],
    "background_colours": ["white", "green"],
    "places": ["sea"],
    "times": ["day", "night"],
}


def vocabulary() -> Vocabulary:
    return Vocabulary.of(WORDS)


def test_only_what_a_model_knows_is_asked_of_it() -> None:
    known = vocabulary()
    assert {thing.noun for thing in known.things} == {"dog", "apple", "car"}
    for split in ("training", "held out"):
        for picture in compose(known, "held out" if split == "held out" else "training", 12):
            placed = picture.objects[0]
            assert placed.colour in (None, "red", "blue")
            assert placed.colour is None or placed.thing.noun == "car"
            assert is_held_out(placed, picture.background) == (split == "held out")
            match picture.background:
                case Plain(colour=colour):
                    assert colour in ("white", "green")
                case Scenery(place=place, time=time):
                    assert (place, time) in (("sea", "day"), ("sea", "night"))


def test_everything_the_generator_says_is_known_to_it() -> None:
    known = Vocabulary.of(known_words())
    assert known.questions["object"] == len(known.things) > 300
    answers = answers_of(known, compose(known, "training", 20))
    assert {name: len(some) for name, some in answers.items()} == dict.fromkeys(known.questions, 20)


def test_questions_that_do_not_arise_do_not_count() -> None:
    said = {"time": torch.tensor([0, 1, 1]), "colour": torch.tensor([0, 0, 0])}
    wanted = {"time": torch.tensor([0, NOT_ASKED, 0]), "colour": torch.tensor([NOT_ASKED] * 3)}
    shares = right(said, wanted)
    assert shares["time"] == (0.5, 2)
    assert shares["colour"][1] == 0


def test_a_judge_learns_what_it_is_shown(tmp_path: Path) -> None:
    known = vocabulary()
    pictures = compose(known, "training", 24)
    seen = small(drawn(pictures, 64))
    judge, answers = seeded(0, lambda: Judge(known.questions)), answers_of(known, pictures)
    schedule = Schedule(40, LearningRate(3e-3, 5))
    train_to_end(JudgeTask(judge, seen, answers, batch=24, seed=0), schedule, tmp_path, lambda _: None)
    said, features = asked(judge, seen)
    assert right(said, answers)["object"][0] > 0.6  # of three
    assert features.shape == (24, 320)


def test_disturbed_pictures_keep_their_size_and_differ() -> None:
    pictures = torch.rand(4, 3, SIDE, SIDE)
    one, other = (disturbed(pictures, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    assert one.shape == pictures.shape
    assert not torch.equal(one, other)
    assert torch.equal(one, disturbed(pictures, torch.Generator().manual_seed(1)))


def test_another_picture_shows_the_same_thing_elsewhere() -> None:
    (picture,) = [one for one in compose(vocabulary(), "held out", 30) if one.layout == "single"][:1]
    others = [another(picture, seed) for seed in range(4)]
    assert {one.objects[0].thing for one in others} == {picture.objects[0].thing}
    assert {one.objects[0].colour for one in others} == {picture.objects[0].colour}
    assert len({one.objects[0].centre for one in others}) > 1


# Pixels


def plain(colour: str, number: int = 1) -> Tensor:
    rgb = [int(BACKGROUND_COLOURS[colour][place : place + 2], 16) / 127.5 - 1 for place in (0, 2, 4)]
    return torch.tensor(rgb)[None, :, None, None].expand(number, 3, 32, 32).clone()


def test_backgrounds_are_named_by_their_nearest_colour() -> None:
    names = list(BACKGROUND_COLOURS)
    pictures = torch.cat([plain(name) for name in names])
    assert background_colours(pictures, names) == names
    noisy = pictures + 0.05 * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    assert background_colours(noisy, names) == names


@pytest.mark.parametrize(("columns", "side"), [((2, 12), "left"), ((20, 30), "right"), ((11, 21), "middle")])
def test_the_side_is_where_what_differs_is(columns: tuple[int, int], side: str) -> None:
    picture = plain("green")
    picture[:, :, 10:22, columns[0] : columns[1]] = 1.0
    assert sides(picture) == [side]


def test_cielab_of_known_colours() -> None:
    found = lab(torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [1.0, -1.0, -1.0]]))
    expected = torch.tensor([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0], [53.2, 80.1, 67.2]])
    torch.testing.assert_close(found, expected, rtol=0, atol=0.3)


# Distances


def test_frechet_distance_of_known_gaussians() -> None:
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(4000, 3, generator=generator)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(one, one + torch.tensor([2.0, 0.0, 0.0])) == pytest.approx(4.0, rel=1e-3)
    assert frechet_distance(one, 3 * one) == pytest.approx(3 * 4.0, rel=0.1)


def test_nearest_and_spread() -> None:
    points = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert nearest(torch.tensor([[0.0, 1.0]]), points).tolist() == [1.0]
    assert spread(points) == pytest.approx(5.0)


def test_the_table_says_how_often_each_question_was_asked() -> None:
    sections = {
        "drawn": {"object": (0.75, 8), "colour": (float("nan"), 0)},
        "fidelity": {"PSNR": (29.5, 8)},
        "novelty": {"spread": (0.9, 2)},
    }
    page = table("model", sections)
    assert "| object | 75.0 % of 8 |" in page
    assert "| colour | not asked |" in page
    assert "| PSNR | 29.500 | 8 |" in page
