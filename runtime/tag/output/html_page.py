"""An HTML page: each text is a paragraph, each entity is marked in the color of its label, and a legend is on top.

The page is one file, without scripts, fonts or links to other files. Each entity is followed by its label, so that the
page can be read without colors and on paper. Texts are written as they come and not kept in memory. The module does
not know where the bytes go.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

from runtime.tag.input.item import Item, as_text, segments, utf8
from runtime.text.answer import Answer
from runtime.text.entity import Entity
from runtime.text.label_schemes import LabelSet

# Degrees between the hues of two labels: the golden angle keeps neighbors far apart for any number of labels.
_HUE_STEP = 137.508
# Characters that HTML cannot hold: control characters except tab and line ends, and Unicode's non-characters.
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")

_HEAD = """<!DOCTYPE html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Named entities</title>
<style>
body {{ font: 1rem/1.7 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
       color: #111; background: #fff; }}
p {{ margin: 0 0 .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
mark {{ color: #111; background: #eee; border: 1px solid #777; border-radius: .3rem; padding: 0 .2rem;
       -webkit-box-decoration-break: clone; box-decoration-break: clone;
       -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
mark b {{ font-size: .65em; letter-spacing: .04em; margin-left: .3em; }}
ul {{ list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .5rem; }}
.error {{ color: #a00; font-family: monospace; }}
{colors}
@media print {{ body {{ max-width: none; margin: 0; }} p {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<ul aria-label="Labels">
{legend}
</ul>
<main>
"""
_TAIL = "</main>\n</body>\n</html>\n"


class Page:
    """The page as a Writer.

    Args:
        labels: the model's. A type's place among its entity types gives its color.
    """

    def __init__(self, labels: LabelSet) -> None:
        self._labels = labels
        self._classes = {label: f"l{index}" for index, label in enumerate(labels.types)}

    def head(self) -> bytes:
        """See Writer."""
        colors = [
            f".{name} {{ background: hsl({index * _HUE_STEP % 360:.0f} 75% 85%); }}"
            for index, name in enumerate(self._classes.values())
        ]
        legend = [f'<li><mark class="{name}">{_safe(label)}</mark></li>' for label, name in self._classes.items()]
        return utf8(_HEAD.format(colors="\n".join(colors), legend="\n".join(legend)))

    def entry(self, item: Item, answer: Answer) -> bytes:
        """See Writer."""
        if item.is_filler:
            return b""
        text, marks = as_text(item, answer, self._labels)
        parts = "".join(self._token(_safe(part), label) for part, label in segments(text, marks))
        return utf8(f'<p dir="auto">{parts}</p>\n')

    def long(self, item: Item, entities: Iterable[Entity]) -> Iterator[bytes]:
        """See Writer."""
        marks = ((entity.start, entity.end, entity.label) for entity in entities)
        yield b'<p dir="auto">'
        for part, label in segments(item.text, marks):
            yield utf8(self._token(_safe(part), label))
        yield b"</p>\n"

    def broken(self, item: Item) -> bytes:
        """See Writer."""
        return utf8(f'<p class="error">{_safe(str(item.problem))}</p>\n')

    def tail(self) -> bytes:
        """See Writer."""
        return _TAIL.encode()

    def _token(self, part: str, label: str) -> str:
        if not label:
            return part
        return f'<mark class="{self._classes.get(label, "")}">{part}<b>{_safe(label)}</b></mark>'


def _safe(text: str) -> str:
    return html.escape(_UNWRITABLE.sub("\ufffd", text))
