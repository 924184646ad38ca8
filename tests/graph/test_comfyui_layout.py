"""Places for nodes that were never drawn."""

from __future__ import annotations

from graph.comfyui.layout import positions, size_of
from graph.document import Link, Node


def test_a_node_stands_right_of_what_it_takes_from() -> None:
    nodes = {
        "last": Node("C", {"x": Link("middle", "o"), "y": Link("first", "o")}),
        "first": Node("A"),
        "middle": Node("B", {"x": Link("first", "o")}),
        "beside": Node("A"),
    }
    placed = positions(nodes)
    assert placed["first"][0] < placed["middle"][0] < placed["last"][0]
    assert placed["first"][0] == placed["beside"][0]
    assert placed["beside"][1] >= placed["first"][1] + size_of(nodes["first"])[1]


def test_drawn_nodes_keep_their_place_and_others_go_below() -> None:
    nodes = {"drawn": Node("A", ui={"pos": [5, 7], "size": [10, 100]}), "new": Node("A")}
    placed = positions(nodes)
    assert placed["drawn"] == (5, 7)
    assert placed["new"][1] > 107


def test_a_circle_and_a_link_to_nowhere_can_be_drawn() -> None:
    nodes = {"a": Node("A", {"x": Link("b", "o")}), "b": Node("A", {"x": Link("a", "o"), "y": Link("gone", "o")})}
    assert positions(nodes).keys() == {"a", "b"}


def test_a_long_chain_is_drawn() -> None:
    nodes = {str(one): Node("A", {"x": Link(str(one - 1), "o")} if one else {}) for one in range(5000)}
    assert len(set(positions(nodes).values())) == 5000


def test_places_that_are_none_are_ignored() -> None:
    nodes = {"a": Node("A", ui={"pos": "here", "size": [1]}), "b": Node("A", ui={"pos": [None, 1]})}
    assert len(set(positions(nodes).values())) == 2
