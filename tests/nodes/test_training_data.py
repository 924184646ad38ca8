"""The training pictures: what is composed, what is said of it, what is drawn, and what is held out."""

from __future__ import annotations

import subprocess
import sys
from importlib import resources
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
import pytest

from nodes.training_data.captions import LANDSCAPES, WHEN, WHERE, caption, evaluation_prompt
from nodes.training_data.colours import BACKGROUND_COLOURS, OBJECT_COLOURS, OBJECT_HUES, recolour
from nodes.training_data.composition import (
    PLACES,
    TIMELESS_PLACES,
    TIMES,
    Composition,
    Gradient,
    PlacedObject,
    Plain,
    Scenery,
    background_key,
    composition,
    is_held_out,
    is_held_out_geometry,
)
from nodes.training_data.objects import object_kinds
from nodes.training_data.rendering import SIZE, reduced, render
from nodes.training_data.sprites import SpriteSet

THINGS = object_kinds()
SEEDS = range(1500)
TRAINING = [composition(seed, "training", THINGS) for seed in SEEDS]
HELD_OUT = [composition(seed, "held out", THINGS) for seed in SEEDS]


@pytest.fixture(scope="module")
def sprites() -> SpriteSet:
    return SpriteSet()


def test_every_object_has_a_sprite_and_every_sprite_an_object() -> None:
    folder = resources.files("nodes.training_data") / "sprites"
    files = {Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".webp")}
    assert files == {thing.code for thing in THINGS}
    assert len(THINGS) >= 300


def test_pictures_are_drawn_without_torch() -> None:
    """A process that only draws them stays small and starts fast."""
    code = "import nodes.training_data.rendering, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_word_means_two_objects() -> None:
    words = [word for thing in THINGS for word in (thing.noun, *thing.synonyms)]
    assert len(words) == len(set(words))
    assert all(word == word.lower().strip() for word in words)


@pytest.mark.parametrize("split", ["training", "held out"])
def test_a_seed_is_a_composition_and_a_caption(split: str) -> None:
    made = TRAINING if split == "training" else HELD_OUT
    for seed in range(0, 200, 7):
        again = composition(seed, split, THINGS)  # type: ignore[arg-type]
        assert again == made[seed]
        assert caption(again, Random(seed)) == caption(made[seed], Random(seed))


def test_a_composition_is_the_same_picture(sprites: SpriteSet) -> None:
    for seed in range(12):
        first, second = render(TRAINING[seed], sprites), render(TRAINING[seed], SpriteSet())
        assert first.tobytes() == second.tobytes()


def test_seeds_give_different_pictures(sprites: SpriteSet) -> None:
    pictures = [render(picture, sprites).tobytes() for picture in TRAINING[:40]]
    assert len(set(pictures)) == 40


def test_held_out_combinations_are_never_composed_for_training() -> None:
    for picture in TRAINING:
        assert not any(is_held_out(placed, picture.background) for placed in picture.objects)
        if isinstance(picture.background, Scenery):
            assert not is_held_out_geometry(picture.background.seed)


def test_evaluation_only_sees_held_out_combinations_and_geometry() -> None:
    for picture in HELD_OUT:
        assert any(is_held_out(placed, picture.background) for placed in picture.objects)
        if isinstance(picture.background, Scenery):
            assert is_held_out_geometry(picture.background.seed)


def test_the_two_splits_share_no_combination() -> None:
    def keys(pictures: list[Composition]) -> set[tuple[str, str, str | None]]:
        return {
            (placed.thing.noun, background_key(picture.background), placed.colour)
            for picture in pictures
            for placed in picture.objects
            if is_held_out(placed, picture.background)
        }

    assert keys(TRAINING) == set()
    assert len(keys(HELD_OUT)) > 500


def test_a_tenth_of_combinations_and_a_twentieth_of_geometries_are_held_out() -> None:
    placed = PlacedObject(THINGS[0], None, "small", 0.3, (0.5, 0.5), flipped=False)
    held = [
        is_held_out(PlacedObject(thing, None, "small", 0.3, (0.5, 0.5), flipped=False), Plain(colour, 0))
        for thing in THINGS
        for colour in BACKGROUND_COLOURS
    ]
    assert np.mean(held) == pytest.approx(0.1, abs=0.02)
    assert np.mean([is_held_out_geometry(seed) for seed in range(4000)]) == pytest.approx(0.05, abs=0.02)
    assert is_held_out(placed, Plain("blue", 0.0)) == is_held_out(placed, Plain("blue", 0.2))


def test_the_mix_of_pictures() -> None:
    landscapes = sum(not picture.objects for picture in TRAINING) / len(TRAINING)
    plain = sum(isinstance(picture.background, Plain | Gradient) for picture in TRAINING) / len(TRAINING)
    assert landscapes == pytest.approx(0.27, abs=0.06)
    assert plain == pytest.approx(0.35, abs=0.06)
    assert {picture.layout for picture in TRAINING} == {"empty", "single", "row", "beside", "above"}
    places = {picture.background.place for picture in TRAINING if isinstance(picture.background, Scenery)}
    assert places == set(PLACES)


def test_every_place_and_time_has_words() -> None:
    assert set(WHERE) == set(LANDSCAPES) == set(PLACES)
    assert set(WHEN) == set(TIMES)


@pytest.mark.parametrize("made", [TRAINING, HELD_OUT], ids=["training", "held out"])
def test_objects_lie_inside_the_frame(made: list[Composition]) -> None:
    for picture in made:
        for placed in picture.objects:
            for coordinate in placed.centre:
                assert placed.extent / 2 - 0.07 <= coordinate <= 1 - placed.extent / 2 + 0.07


def test_pairs_are_where_their_layout_says() -> None:
    for picture in TRAINING:
        centres = [placed.centre for placed in picture.objects]
        if picture.layout in ("beside", "row"):
            assert all(left[0] < right[0] for left, right in pairwise(centres))
        if picture.layout == "above":
            assert centres[0][1] < centres[1][1]


def test_recoloured_things_may_be_recoloured_and_stand_out() -> None:
    coloured = [(placed, picture) for picture in TRAINING for placed in picture.objects if placed.colour]
    assert len(coloured) > 50
    for placed, picture in coloured:
        assert placed.thing.recolourable
        assert (placed.colour or "") not in background_key(picture.background)


def words_of(text: str) -> set[str]:
    return set(text.split())


def allowed_words(picture: Composition) -> set[str]:
    """Every word a true caption of the picture may use."""
    allowed = words_of("a an and on in by at the with of to two three pair left right side top bottom corner")
    allowed |= words_of("next above over below under sky air background against plain gradient")
    allowed |= words_of("small little tiny large big huge" if picture.layout == "single" else "")
    for placed in picture.objects:
        thing = placed.thing
        for words in (thing.noun, thing.plural, *thing.synonyms, placed.colour or thing.colour or ""):
            allowed |= words_of(words)
    background = picture.background
    if isinstance(background, Scenery):
        phrases = [*WHERE[background.place], *LANDSCAPES[background.place], background.place]
        phrases += [*WHEN[background.time]] if background.time else []
        phrases += ["bright sun moon", "sunny day blue sunrise stormy storm", *background.sky]
        allowed |= words_of(" ".join(phrases))
    else:
        allowed |= words_of(background_key(background))
    return allowed


@pytest.mark.parametrize("made", [TRAINING, HELD_OUT], ids=["training", "held out"])
def test_captions_say_nothing_that_is_not_in_the_picture(made: list[Composition]) -> None:
    for seed, picture in enumerate(made):
        allowed = allowed_words(picture)
        for wording in range(4):
            words = caption(picture, Random(f"{seed} {wording}")).replace(",", " ").split()
            assert set(words) <= allowed, (words, set(words) - allowed)


def test_times_are_told_apart() -> None:
    """No wording of one time of day is used for a picture of another."""
    telling = {"sunset": "sunset", "dawn": "dawn", "night": "night", "storm": "stormy", "purple": "purple sky"}
    for seed, picture in enumerate(TRAINING):
        if not isinstance(picture.background, Scenery):
            continue
        text = caption(picture, Random(seed))
        for time, word in telling.items():
            assert word not in text or picture.background.time == time


def test_sides_said_are_sides_drawn() -> None:
    for seed, picture in enumerate(TRAINING):
        if picture.layout != "single":
            continue
        x, y = picture.objects[0].centre
        text = evaluation_prompt(picture, Random(seed))
        if " left" in text:
            assert x < 0.4
        if " right" in text:
            assert x > 0.6
        if " top" in text and "top hat" not in text:
            assert y < 0.4


def test_evaluation_prompts_name_the_object_its_colour_and_the_background() -> None:
    for seed, picture in enumerate(HELD_OUT[:400]):
        text = evaluation_prompt(picture, Random(seed))
        for placed in picture.objects:
            thing = placed.thing
            assert any(word in text for word in (thing.noun, thing.plural, *thing.synonyms)), text
            assert placed.colour is None or placed.colour in text
        background = picture.background
        if isinstance(background, Plain):
            assert f"{background.colour} background" in text
        if isinstance(background, Scenery):
            assert any(phrase in text for phrase in WHERE[background.place])


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_drawn_at_every_time(place: str, sprites: SpriteSet) -> None:
    times = (None,) if place in TIMELESS_PLACES else TIMES
    pictures = []
    for time in times:
        sky = ("stars", "crescent moon", "clouds") if time == "night" else ("sun", "clouds") if time else ()
        picture = render(Composition(Scenery(place, time, sky, 5), (), "empty"), sprites)
        assert picture.size == (SIZE, SIZE)
        assert picture.mode == "RGB"
        values = np.asarray(picture)
        assert values.std() > 8
        pictures.append(values.mean(axis=(0, 1)))
    assert all(np.abs(one - other).max() > 4 for one, other in pairwise(pictures))


def test_night_is_darker_than_day(sprites: SpriteSet) -> None:
    for place in PLACES:
        if place in TIMELESS_PLACES:
            continue
        day, night = (
            np.asarray(render(Composition(Scenery(place, time, (), 5), (), "empty"), sprites)).mean()
            for time in ("day", "night")
        )
        assert night < 0.7 * day


@pytest.mark.parametrize("colour", sorted(BACKGROUND_COLOURS))
def test_plain_backgrounds_have_their_colour(colour: str, sprites: SpriteSet) -> None:
    picture = np.asarray(render(Composition(Plain(colour, 0.0), (), "empty"), sprites))
    assert picture.reshape(-1, 3).std(axis=0).max() == 0
    assert bytes(picture[0, 0]) == bytes.fromhex(BACKGROUND_COLOURS[colour])


def test_an_object_is_drawn_where_it_is_placed(sprites: SpriteSet) -> None:
    empty = np.asarray(render(Composition(Plain("gray", 0.0), (), "empty"), sprites), dtype=int)
    star = next(thing for thing in THINGS if thing.noun == "star")
    for x, y in ((0.25, 0.25), (0.75, 0.3), (0.5, 0.7)):
        placed = PlacedObject(star, None, "small", 0.3, (x, y), flipped=False)
        drawn = np.asarray(render(Composition(Plain("gray", 0.0), (placed,), "single"), sprites), dtype=int)
        rows, columns = np.nonzero(np.abs(drawn - empty).max(axis=-1) > 30)
        assert columns.mean() / SIZE == pytest.approx(x, abs=0.03)
        assert rows.mean() / SIZE == pytest.approx(y, abs=0.03)
        assert (columns.max() - columns.min()) / SIZE == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize("colour", OBJECT_COLOURS)
def test_recolouring_gives_the_colour_and_keeps_the_shape(colour: str, sprites: SpriteSet) -> None:
    heart = next(thing for thing in THINGS if thing.noun == "heart")
    original = np.asarray(sprites.sprite(heart), dtype=np.float32) / 255
    painted = recolour(original, colour)
    assert np.array_equal(painted[..., 3], original[..., 3])
    mean = painted[..., :3][original[..., 3] > 0.9].mean(axis=0)
    if colour == "white":
        assert mean.min() > 0.75
    elif colour == "black":
        assert mean.max() < 0.35
    else:
        assert _hue(mean) == pytest.approx(OBJECT_HUES[colour], abs=20)


def _hue(colour: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    red, green, blue = (float(value) for value in colour)
    angle = np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360
    return float(angle)


@pytest.mark.parametrize("size", [32, 128, 256])
def test_pictures_reduce_to_any_size(size: int, sprites: SpriteSet) -> None:
    assert reduced(render(TRAINING[0], sprites), size).size == (size, size)
