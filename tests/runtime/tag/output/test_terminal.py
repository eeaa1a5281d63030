"""Colored text: readable with and without colors, and harmless whatever the text holds."""

from __future__ import annotations

from runtime.errors import CorpusError
from runtime.tag.input.item import Item
from runtime.tag.output.terminal import Terminal
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet


def test_a_terminal_is_colored_and_cannot_be_taken_over() -> None:
    item = Item(file="x", line=1, text="Maria \x1b[2J\x9b\x07")
    found = Answer((Entity("PER", "Maria", 0, 5, 1.0),))
    assert (
        Terminal(LabelSet(["PER"]), {}).entry(item, found).decode()
        == "\x1b[1;36mMaria\x1b[22m PER\x1b[0m \u241b[2J\ufffd\u2407\n"
    )
    assert (
        Terminal(LabelSet(["PER"]), {"NO_COLOR": "1"}).entry(item, found).decode()
        == "[Maria PER] \u241b[2J\ufffd\u2407\n"
    )
    assert Terminal(LabelSet(["PER"]), {"NO_COLOR": ""}).entry(item, found).startswith(b"\x1b[1;36m")


def test_a_problem_is_red_or_in_brackets_and_harmless() -> None:
    broken = Item(file="x", line=7, problem=CorpusError("x\x1b:7", "bad", "fix it"))
    assert Terminal(LabelSet(["PER"]), {}).broken(broken).decode() == "\x1b[1;31mx\u241b:7: bad; fix it\x1b[0m\n"
    assert Terminal(LabelSet(["PER"]), {"NO_COLOR": "1"}).broken(broken).decode() == "[x\u241b:7: bad; fix it]\n"


def test_labels_have_colors_of_their_own() -> None:
    found = Answer((Entity("PER", "a", 0, 1, 1.0), Entity("LOC", "b", 2, 3, 1.0)))
    shown = Terminal(LabelSet(["PER", "LOC"]), {}).entry(Item(file="x", line=1, text="a b"), found)
    assert shown == b"\x1b[1;36ma\x1b[22m PER\x1b[0m \x1b[1;33mb\x1b[22m LOC\x1b[0m\n"
