"""Changes by chance: of bytes, of JSON values, of lines of text. Nothing is known here of what they are made to."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

# What may stand where something else stood. Numbers at the edges of types, names that lead elsewhere, deep nests.
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1e308, -0.0, 0.5, float("nan"), float("inf")),
    *("", "0", "O", "..", "../x", "/etc/passwd", "a\0b", "\ud800", "x" * 5_000, "a\nb", "\u2028", "B-", "-PER"),
    *([], {}, [[]], [None], {"": 0}, {"file": "x"}, "padded-fp32.onnx", "fp16", "openvino", "bert", "[CLS]"),
    json.loads("[" * 200 + "]" * 200),
)

# Pieces that readers of text stumble over.
PIECES = (
    *(b"\n", b"\r\n", b"\r", b"\t", b" ", b"", b"\0", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf0\x9f"),
    *("\u2028".encode(), "\u00a0".encode(), "\u3000".encode(), "\u200b".encode(), "e\u0301".encode(), b"\x1a", b"\x85"),
    *("\U0001f468\u200d\U0001f469".encode(), b"-DOCSTART-", b"# ", b"#tag O", b" O", b" B-PER", b"\n\n", b'"', b"\\"),
    *(b"{", b"}", b"[", b"]", b",", b":", b"\\ud800", b"NaN", b"1e999", b"null", b'"text"', b'{"text": "Oslo"}\n'),
    *(b"x" * 300, b"Oslo ", b"Maria Keller ", b". ", b"U.S. ", b"A" * 70, b"\x1f\x8b\x08", b"0" * 40),
)


def changed_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Flip a bit, cut, add, repeat, move or replace bytes; a few times at most."""
    value = bytearray(raw)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        at = chance.randrange(len(value) + 1)
        kind = chance.randrange(8)
        if kind == 0 and at < len(value):
            value[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del value[at:]
        elif kind == 2:
            value[at:at] = chance.randbytes(chance.randrange(1, 40))
        elif kind == 3:
            value += value[at : at + 4_000]
        elif kind == 4:
            del value[at : at + chance.randrange(1, 40)]
        elif kind == 5:
            other = chance.randrange(len(value) + 1)
            value[at:at] = value[other : other + chance.randrange(1, 80)]
        else:
            end = at + (chance.randrange(1, 4) if kind == 6 else 0)
            value[at:end] = chance.choice(PIECES)
    return bytes(value)


def changed_json(value: Any, chance: random.Random, junk: tuple[Any, ...] = JUNK) -> Any:
    """A copy with a value changed, removed, added or doubled anywhere in it; a few times at most."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        _change(value, chance, junk)
    return value


def _change(value: Any, chance: random.Random, junk: tuple[Any, ...]) -> None:
    parents = [value]
    for parent in parents:
        inner = parent.values() if isinstance(parent, dict) else parent
        parents += [each for each in inner if isinstance(each, dict | list) and each]
    parent = chance.choice(parents)
    keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
    if not keys:
        return
    key, kind = chance.choice(keys), chance.randrange(9)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif kind == 1:
        parent[f"{key}2"] = copy.deepcopy(parent[key])
    elif kind == 2:
        parent[key] = _near(parent[key], chance)
    elif kind == 3:
        parent[key] = copy.deepcopy(chance.choice(parents))
    else:
        parent[key] = copy.deepcopy(chance.choice(junk))


def _near(value: Any, chance: random.Random) -> Any:
    """A value close by, which a check of types alone would let pass."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float) and abs(value) < 1e300:
        return value + chance.choice((-1, 1, 0.5, 1_000))
    if isinstance(value, str) and value:
        at = chance.randrange(len(value))
        return value[:at] + chance.choice("0aO-. \u00e9") + value[at + 1 :]
    return chance.choice((value, [value], {"0": value}))
