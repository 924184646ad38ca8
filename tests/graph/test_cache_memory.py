"""The tier in memory: what is kept, what goes first, what counts."""

from __future__ import annotations

import random
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.cache.budget import Budget
from graph.cache.entry import Entry
from graph.cache.memory import MemoryStore
from graph.cache.tiered import Cache
from graph.keys import VOLATILE


def entry(nbytes: int, seconds: float = 1.0, value: object = None) -> Entry:
    return Entry({"out": (value,)}, {}, None, seconds, nbytes)


def test_what_was_put_is_found_and_got() -> None:
    store = MemoryStore(Budget(None))
    kept = Entry({"out": (7,)}, {"out": "digest"}, None, 2.0, 40)
    assert store.find("k") is None
    assert store.get("k") is None
    store.put("k", kept)
    hit = store.find("k")
    assert hit is not None
    assert (hit.tier, hit.content, hit.seconds, hit.nbytes) == ("host", {"out": "digest"}, 2.0, 40)
    assert store.get("k") is kept


@pytest.mark.parametrize(
    ("entries", "gone"),
    [
        pytest.param({"a": (10, 1.0), "b": (10, 5.0), "c": (10, 3.0)}, ["a"], id="cheapest to recompute first"),
        pytest.param({"a": (20, 4.0), "b": (5, 2.0), "c": (5, 3.0)}, ["a"], id="per byte"),
        pytest.param({"a": (5, 1.0), "b": (40, 900.0)}, ["b"], id="what is bigger than the limit never comes in"),
    ],
)
def test_eviction_order(entries: dict[str, tuple[int, float]], gone: list[str]) -> None:
    budget = Budget(25)
    store = MemoryStore(budget)
    for name, (nbytes, seconds) in entries.items():
        store.put(name, entry(nbytes, seconds))
    assert [name for name in entries if store.find(name) is None] == gone
    assert budget.used == store.nbytes <= 25


@pytest.mark.parametrize(("used", "gone"), [(None, "a"), ("a", "b")])
def test_a_use_since_the_last_eviction_counts(used: str | None, gone: str) -> None:
    store = MemoryStore(Budget(20))
    store.put("a", entry(10, 1.0))
    store.put("b", entry(10, 1.1))
    store.put("c", entry(10, 0.5))  # goes at once, and sets the clock
    if used:
        store.get(used)
    store.put("d", entry(10, 2.0))
    assert [name for name in "abd" if store.find(name) is None] == [gone]


def test_what_is_not_used_ages() -> None:
    store = MemoryStore(Budget(100))
    store.put("dear", entry(50, 20.0))
    for index in range(100):
        store.put(f"cheap{index}", entry(50, 1.0))
    assert store.find("dear") is None


def test_one_limit_for_all_holders() -> None:
    budget = Budget(100)
    cheap, dear = MemoryStore(budget, "host"), MemoryStore(budget, "device")
    cheap.put("a", entry(60, 1.0))
    dear.put("b", entry(60, 9.0))
    assert cheap.find("a") is None
    assert dear.find("b") is not None
    assert budget.used == 60


def test_the_budget_gives_up_when_nobody_has_anything_to_drop() -> None:
    budget = Budget(10)
    budget.charge(50)
    assert budget.used == 50


def test_replacing_dropping_and_clearing_are_counted() -> None:
    budget = Budget(None)
    store = MemoryStore(budget)
    store.put("a", entry(10))
    store.put("a", entry(30))
    store.put("b", entry(5))
    assert (budget.used, store.nbytes, len(store)) == (35, 35, 2)
    store.drop("a")
    store.drop("a")
    assert (budget.used, store.nbytes) == (5, 5)
    store.put("a", entry(7))
    assert budget.used == 12
    store.clear()
    assert (budget.used, store.nbytes, len(store)) == (0, 0, 0)


def test_a_replacement_that_is_cheaper_goes_at_its_own_price() -> None:
    store = MemoryStore(Budget(20))
    store.put("a", entry(10, 9.0))
    store.put("b", entry(10, 5.0))
    store.put("a", entry(10, 1.0))
    store.put("c", entry(10, 3.0))
    assert store.find("a") is None
    assert store.find("b") is not None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["put", "get", "drop"]),
            st.sampled_from("abcdef"),
            st.integers(0, 60),
            st.floats(0, 10),
        ),
        max_size=60,
    )
)
def test_the_sum_is_always_right_and_within_the_limit(steps: list[tuple[str, str, int, float]]) -> None:
    budget = Budget(100)
    store = MemoryStore(budget)
    for step, key, nbytes, seconds in steps:
        if step == "put":
            store.put(key, entry(nbytes, seconds))
        elif step == "get":
            store.get(key)
        else:
            store.drop(key)
        assert budget.used == store.nbytes <= 100


def test_threads_may_share_a_store() -> None:
    budget = Budget(1000)
    stores = [MemoryStore(budget, name) for name in ("host", "device")]

    def work(seed: int) -> None:
        generator = random.Random(seed)
        for _ in range(2000):
            store, key = generator.choice(stores), str(generator.randrange(50))
            if generator.random() < 0.6:
                store.put(key, entry(generator.randrange(100), generator.random()))
            elif generator.random() < 0.8:
                store.get(key)
            else:
                store.drop(key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.used == sum(store.nbytes for store in stores) <= 1000


# Tiers


def test_a_hit_further_down_is_copied_up() -> None:
    fast, slow = MemoryStore(Budget(None), "device"), MemoryStore(Budget(None), "host")
    cache = Cache([fast, slow])
    kept = entry(1)
    slow.put("k", kept)
    hit = cache.find("k")
    assert hit is not None
    assert hit.tier == "host"
    assert cache.get("k") == (kept, "host")
    assert fast.get("k") is kept
    assert cache.get("k") == (kept, "device")


def test_every_tier_is_offered_what_is_put_but_volatile_keys_are_not_kept() -> None:
    tiers = [MemoryStore(Budget(None), "device"), MemoryStore(Budget(None), "host")]
    cache = Cache(tiers)
    cache.put("k", entry(1))
    cache.put(VOLATILE + "k", entry(1))
    assert [len(tier) for tier in tiers] == [1, 1]
    cache.clear()
    assert [len(tier) for tier in tiers] == [0, 0]


def test_what_came_and_went_leaves_nothing() -> None:
    store = MemoryStore(Budget(None))
    store.put("stays", entry(1))
    for index in range(10_000):
        store.put(f"k{index}", entry(1))
        store.drop(f"k{index}")
    assert len(store._heap) <= 1000
    assert store.cheapest() == 1.0
