"""The HTML page: well-formed whatever the text, and complete in itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CorpusError
from runtime.tag.input.item import Item
from runtime.tag.output.html_page import Page
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

_TEXT = "Maria Keller flew to Oslo ."
_FOUND = Answer((Entity("PER", "Maria Keller", 0, 12, 0.5), Entity("LOC", "Oslo", 21, 25, 0.25)))
_UNWRITABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"


class _Parsed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["p"], ["mark"]) and "main" in self.open:
            self.text.append(data)


@given(st.text(alphabet=st.characters(codec=None) | st.sampled_from("<>&\"'\n\x00\r"), min_size=1, max_size=30))
def test_a_page_is_well_formed_whatever_the_text(text: str) -> None:
    page = Page(LabelSet(["PER", "<b>"]))
    found = Answer((Entity("<b>", text[:1], 0, 1, 1.0),))
    raw = page.head() + page.entry(Item(file="x", line=1, text=text), found) + page.tail()
    parsed = _Parsed()
    parsed.feed(raw.decode("utf-8"))
    assert parsed.open == []
    assert "".join(parsed.text) == re.sub(_UNWRITABLE, "\ufffd", text)
    assert not [value for name, value in parsed.attributes if name in ("src", "href", "onload")]


def test_a_page_needs_nothing_but_itself() -> None:
    page = Page(LabelSet(["PER", "LOC"]))
    raw = (page.head() + page.entry(Item(file="x", line=1, text=_TEXT), _FOUND) + page.tail()).decode()
    assert '<mark class="l0">Maria Keller<b>PER</b></mark> flew to <mark class="l1">Oslo<b>LOC</b></mark> .' in raw
    assert not re.search(r"<script|https?:|url\(|@import", raw)
    assert "@media print" in raw
    assert len(set(re.findall(r"hsl\(\d+", raw))) == 2


def test_a_problem_is_a_paragraph_and_its_text_is_escaped() -> None:
    broken = Item(file="x", line=7, problem=CorpusError("<x>:7", "bad", "fix it"))
    assert Page(LabelSet(["PER"])).broken(broken) == b'<p class="error">&lt;x&gt;:7: bad; fix it</p>\n'
