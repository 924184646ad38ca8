"""The judge and the scorecard: they tell right from wrong, and know their own limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nodes.diffusion.judge import SIDE, Judge
from nodes.diffusion.training.initial import seeded
from nodes.diffusion.training.learning_rate import LearningRate
from nodes.diffusion.vae import Vae
from nodes.training.distances import frechet_distance, nearest, spread
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
from nodes.training.scores_page import DOCS, PAGE, filled, table
from nodes.training.subject_adherence import subjects
from nodes.training.trained_judge import judge_key, trained_judge, with_creature
from nodes.training_data.colours import BACKGROUND_COLOURS
from nodes.training_data.composition import Plain, Scenery, another, background_key, is_held_out
from tests.nodes.training_models import CONFIG

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


def test_two_models_are_asked_for_the_same_pictures() -> None:
    less = Vocabulary.of(WORDS | {"objects": ["apple", "dog", "fox"], "times": ["night"], "places": ["sea", "snow"]})
    one, other = vocabulary().shared_with(less), less.shared_with(vocabulary())
    assert one == other
    assert ({thing.noun for thing in one.things}, one.places, one.times) == ({"dog", "apple"}, ("sea",), ("night",))
    assert compose(one, "held out", 6) == compose(other, "held out", 6)


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


SECTIONS = {
    "drawn": {"object": [0.75, 8], "colour": [None, 0]},
    "fidelity": {"PSNR": [29.5, 8]},
    "novelty": {"spread": [0.9, 2]},
}
SCORES = {"model": "m.safetensors", "judge": {"pictures": 30, "steps": 9}, "sections": SECTIONS}


def test_the_table_says_how_often_each_question_was_asked() -> None:
    page = table(SCORES)
    assert "| object | 75.0 % of 8 |" in page
    assert "| colour | not asked |" in page
    assert "| PSNR | 29.500 | 8 |" in page


def test_a_page_is_filled_from_what_was_measured(tmp_path: Path) -> None:
    marks = [f"<!-- {name} -->\nold\n<!-- end of {name} -->\n" for name in ("scores", "lora")]
    page = "before\n" + "between\n".join(marks) + "after\n"
    assert filled(page, tmp_path).count("Not measured yet.") == 2
    (tmp_path / "embedded-model-scores.json").write_text(json.dumps(SCORES))
    done = filled(page, tmp_path)
    assert table(SCORES) in done
    assert "old" not in done
    assert (done.startswith("before\n"), done.endswith("after\n")) == (True, True)
    assert filled(done, tmp_path) == done
    with pytest.raises(ValueError, match="no place"):
        filled("a page", tmp_path)


def test_the_page_of_the_model_says_what_was_measured() -> None:
    folder = Path(__file__).parents[2] / DOCS
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert filled(page, folder) == page, "run: python -m nodes.training.scores_page"


# The judge that is kept


KEYED: dict[str, Callable[[Vocabulary, Vae], tuple[Vocabulary, Vae, int, int, int]]] = {
    "things": lambda known, vae: (replace(known, things=known.things[:2]), vae, 64, 10, 5),
    "places": lambda known, vae: (replace(known, places=("lake",)), vae, 64, 10, 5),
    "times": lambda known, vae: (replace(known, times=("day",)), vae, 64, 10, 5),
    "backgrounds": lambda known, vae: (replace(known, backgrounds=("white",)), vae, 64, 10, 5),
    "colours": lambda known, vae: (replace(known, colours=("red",)), vae, 64, 10, 5),
    "how much of a thing": lambda known, vae: (
        replace(known, things=(replace(known.things[0], weight=9), *known.things[1:])), vae, 64, 10, 5,
    ),
    "the autoencoder": lambda known, vae: (known, seeded(1, lambda: Vae(CONFIG.vae)), 64, 10, 5),
    "the size": lambda known, vae: (known, vae, 128, 10, 5),
    "the pictures": lambda known, vae: (known, vae, 64, 11, 5),
    "the steps": lambda known, vae: (known, vae, 64, 10, 6),
}  # fmt: skip


@pytest.mark.parametrize("what", KEYED)
def test_a_judge_is_kept_under_everything_that_it_depends_on(what: str) -> None:
    known, vae = vocabulary(), seeded(0, lambda: Vae(CONFIG.vae))
    key = judge_key(known, vae, 64, pictures=10, steps=5)
    assert judge_key(vocabulary(), seeded(0, lambda: Vae(CONFIG.vae)), 64, pictures=10, steps=5) == key
    changed, other, size, pictures, steps = KEYED[what](known, vae)
    assert judge_key(changed, other, size, pictures=pictures, steps=steps) != key


def test_a_judge_is_kept_under_how_its_pictures_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known, vae = vocabulary(), seeded(0, lambda: Vae(CONFIG.vae))
    (tmp_path / "rule.py").write_text("one = 1")
    monkeypatch.setattr("nodes.training.trained_judge._sources", lambda: [tmp_path / "rule.py"])
    key = judge_key(known, vae, 64, pictures=10, steps=5)
    (tmp_path / "rule.py").write_text("one = 2")
    assert judge_key(known, vae, 64, pictures=10, steps=5) != key


def test_a_judge_is_trained_once(tmp_path: Path) -> None:
    told: list[str] = []
    vae = seeded(0, lambda: Vae(CONFIG.vae)).requires_grad_(requires_grad=False)
    judges = [
        trained_judge(vocabulary(), vae, 32, tmp_path, pictures=8, steps=2, tell=told.append).judge for _ in range(2)
    ]
    assert told == ["8 pictures for the judge", "training the judge"]
    one, other = (judge.state_dict() for judge in judges)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert len(one["heads.object.bias"]) == len(with_creature(vocabulary()).things)


def test_the_creature_is_asked_for_in_two_kinds_of_pictures() -> None:
    known = replace(vocabulary(), backgrounds=tuple(BACKGROUND_COLOURS))
    alike, apart = subjects(known, 24).values()
    assert (len(alike), len(apart)) == (12, 12)
    for pictures, held_out in ((alike, False), (apart, True)):
        for picture in pictures:
            (placed,) = picture.objects
            assert placed.thing.noun == "zorp"
            assert is_held_out(placed, picture.background) == held_out
    assert max(Counter(background_key(picture.background) for picture in apart).values()) <= 4
    assert not any(thing.noun == "zorp" for thing in known.things)
