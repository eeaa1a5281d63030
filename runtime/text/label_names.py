"""Label names: what a name such as B-PER says of a word. Only this module knows how labels are written.

    scheme  letters          example
    BIO     B, I             B-PER I-PER O     (also called IOB2)
    IOB1    B, I             I-PER I-PER O     (B only where an entity follows another of its type)
    IOBES   B, I, E, S       B-PER E-PER O S-LOC
    BILOU   B, I, L, U       B-PER L-PER O U-LOC
    BMES    B, M, E, S       B-PER E-PER O S-LOC
    IO      I                I-PER I-PER O
    MIXED   of several       B-PER E-PER O U-LOC
    PLAIN   none             PER PER O

A letter stands before the type or behind it (B-PER, B_PER, PER-B, PER_B), or alone, where there is one type that has no
name (B, I, O). A way of writing is believed in where one type has two letters in it, such as B and I. Names without a
letter beside such labels are types of their own, or padding: names of special tokens, and "X", which marks the later
tokens of a word. Padding is outside of every entity.

The rules of BIO read IOB1 correctly, too. The names of the labels show IOB1 only where a type has an I and no B, which
happens when its training data never needed a B. Where every type has both, the scheme is taken to be BIO.

What can be read in two ways is read in the likelier one, and is in `doubtful`: S-CLASS beside B-PER and I-PER is a
letter and a type, or a type. The module does not know sentences.
"""

from __future__ import annotations

import enum
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

OUTSIDE = "O"
NAMELESS = "ENTITY"
"""Type of labels that are letters alone: B, I."""


class Scheme(enum.Enum):
    """The way in which labels spell entities; see the module's table."""

    BIO = "BIO"
    IOB1 = "IOB1"
    IOBES = "IOBES"
    BILOU = "BILOU"
    BMES = "BMES"
    IO = "IO"
    MIXED = "MIXED"
    PLAIN = "PLAIN"


SchemeName = Literal["", "BIO", "IOB1", "IOBES", "BILOU", "BMES", "IO", "MIXED", "PLAIN"]
"""A scheme by its name; "" is the one that the labels show."""
SCHEMES: tuple[SchemeName, ...] = ("BIO", "IOB1", "IOBES", "BILOU", "BMES", "IO", "MIXED", "PLAIN")


class Role(enum.IntEnum):
    """The role of a word in an entity, for all schemes alike, whichever letter they write it with."""

    OUT = 0
    BEGIN = 1
    INSIDE = 2
    END = 3
    SINGLE = 4


class Part(NamedTuple):
    """What one label says: the word's role, and the entity's type, which is "" outside of entities."""

    role: Role
    type: str


OUT = Part(Role.OUT, "")


@dataclass(frozen=True, slots=True)
class Naming:
    """What the names of a model's labels say.

    Attributes:
        scheme: how they spell entities.
        parts: of each label.
        alone: names without a letter, where other labels have one: types of their own.
        padding: names of what is no word.
        doubtful: labels that could as well be read in another way.
    """

    scheme: Scheme
    parts: tuple[Part, ...]
    alone: tuple[str, ...] = ()
    padding: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


_ROLES = {
    "B": Role.BEGIN,
    "I": Role.INSIDE,
    "M": Role.INSIDE,
    "E": Role.END,
    "L": Role.END,
    "S": Role.SINGLE,
    "U": Role.SINGLE,
}
# The smallest set that holds all letters of a model decides, so the order is from small to large.
_LETTERS = {
    Scheme.IO: "I",
    Scheme.BIO: "BI",
    Scheme.IOBES: "BIES",
    Scheme.BILOU: "BILU",
    Scheme.BMES: "BMES",
    Scheme.MIXED: "BIESLUM",
    Scheme.IOB1: "BI",
}
_Style = re.Pattern[str]
_DASHED: _Style = re.compile(r"(?P<letter>[BIESLUM])-(?P<type>.+)", re.DOTALL)
_BARE: _Style = re.compile(r"(?P<letter>[BIESLUM])(?P<type>)")
# In the order in which they are preferred where labels can be read in several.
_STYLES: tuple[_Style, ...] = (
    _DASHED,
    re.compile(r"(?P<letter>[BIESLUM])_(?P<type>.+)", re.DOTALL),
    re.compile(r"(?P<type>.+)-(?P<letter>[BIESLUM])", re.DOTALL),
    re.compile(r"(?P<type>.+)_(?P<letter>[BIESLUM])", re.DOTALL),
    _BARE,
)
_SPECIAL = re.compile(r"\[(PAD|CLS|SEP|UNK|MASK|START|END)\]|<(pad|s|/s|unk|mask|START|STOP)>", re.IGNORECASE)
# Names of padding only where other labels have letters; elsewhere they may be types.
_PADDING = frozenset({"X", "PAD", "CLS", "SEP", "UNK", "MASK"})


def naming_of(labels: Sequence[str], scheme: SchemeName = "") -> Naming:
    """What labels say, by themselves or in a scheme that somebody knows them to have.

    Args:
        labels: names; "O" and "" mean outside of every entity.
        scheme: the scheme, where it is known.
    """
    names = [label for label in labels if not _is_outside(label)]
    told = Scheme(scheme) if scheme else None
    styles = _styles(names, told)
    found = {label: part for label in names if (part := _part(label, styles, _letters(told)))}
    padding = [label for label in names if label not in found and _is_padding(label, bool(styles))]
    alone = [label for label in names if label not in found and label not in padding]
    parts = {**{label: Part(Role.INSIDE, label) for label in alone}, **found}
    return Naming(
        told or _scheme(names, styles, found),
        tuple(parts.get(label, OUT) for label in labels),
        tuple(alone if styles else ()),
        (*padding, *(label for label in labels if _SPECIAL.fullmatch(label))),
        () if told else _doubtful(names, styles),
    )


def part_of(label: str, types: Collection[str]) -> Part:
    """What a label says that a model with these entity types does not have, such as a corpus' own."""
    if _is_outside(label) or label in _PADDING:
        return OUT
    if label in types:
        return Part(Role.INSIDE, label)
    parts = [part for style in _STYLES if (part := _part(label, (style,), "BIESLUM"))]
    # Without a type that is known, only what corpora write everywhere is a letter: B-PER and B.
    usual = parts[:1] if _DASHED.fullmatch(label) or _BARE.fullmatch(label) else []
    return next(iter([*(part for part in parts if part.type in types), *usual]), Part(Role.INSIDE, label))


def _is_outside(label: str) -> bool:
    return label in (OUTSIDE, "") or bool(_SPECIAL.fullmatch(label))


def _is_padding(label: str, beside_letters: bool) -> bool:
    return beside_letters and label.upper() in _PADDING


def _letters(scheme: Scheme | None) -> str:
    return "" if scheme is Scheme.PLAIN else _LETTERS[scheme or Scheme.MIXED]


def _part(label: str, styles: Sequence[_Style], letters: str) -> Part | None:
    """A label in the first of these ways of writing that it has; None where it has none, and so is a plain name."""
    for style in styles:
        match = style.fullmatch(label)
        if match and match["letter"] in letters:
            return Part(_ROLES[match["letter"]], match["type"] or NAMELESS)
    return None


def _styles(names: Sequence[str], told: Scheme | None) -> tuple[_Style, ...]:
    """The ways in which labels are written, the commonest first; none for plain names."""
    if told is Scheme.PLAIN:
        return ()
    by_count = sorted(_STYLES, key=lambda style: -sum(_letter(name, style) in _letters(told) for name in names))
    believed = [style for style in by_count if _whole_types(names, style)]
    if not believed and told:
        believed = by_count[:1]
    if not believed and names and all(_DASHED.fullmatch(name) for name in names):
        believed = [_DASHED]
    return tuple(believed)


def _letter(name: str, style: _Style) -> str:
    match = style.fullmatch(name)
    # What is in no string of letters, as "" would be.
    return match["letter"] if match else "-"


def _whole_types(names: Iterable[str], style: _Style) -> dict[str, set[str]]:
    """Types that have two letters or more in this way of writing, and these."""
    letters: dict[str, set[str]] = defaultdict(set)
    for match in map(style.fullmatch, names):
        if match:
            letters[match["type"]].add(match["letter"])
    return {name: each for name, each in letters.items() if len(each) > 1}


def _scheme(names: Sequence[str], styles: Sequence[_Style], found: dict[str, Part]) -> Scheme:
    if not styles:
        return Scheme.PLAIN
    written = {next(letter for style in styles if (letter := _letter(name, style)) != "-") for name in found}
    scheme = next(scheme for scheme, known in _LETTERS.items() if written <= set(known))
    # A type with an I and no B: its entities begin with I, as in IOB1.
    with_b, with_i = ({part.type for part in found.values() if part.role is role} for role in (Role.BEGIN, Role.INSIDE))
    return Scheme.IOB1 if scheme is Scheme.BIO and with_i - with_b else scheme


def _doubtful(names: Sequence[str], styles: Sequence[_Style]) -> tuple[str, ...]:
    """Labels with a letter that no type proves to be one by having it beside another."""
    whole = {name: letters for style in styles for name, letters in _whole_types(names, style).items()}
    if whole:
        # An E of one type shows that an S of another is what stands for a single word.
        shown = set().union(*whole.values())
        sure = shown.union(*(letters for letters in ("ES", "LU") if shown & set(letters)))
        matches = (next(filter(None, (style.fullmatch(name) for style in styles)), None) for name in names)
        return tuple(each[0] for each in matches if each and each["type"] not in whole and each["letter"] not in sure)
    dashed = [name for name in names if _DASHED.fullmatch(name)]
    # I alone is IO, and B alone is BIO that never needed an I. Neither is the beginning of a word that is a type.
    if len(dashed) == len(names) and {name[0] for name in dashed} <= set("BI"):
        return ()
    return tuple(dashed or (names if any(all(map(style.fullmatch, names)) for style in _STYLES[1:-1]) else ()))
