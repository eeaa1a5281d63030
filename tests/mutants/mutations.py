"""Small changes of a module's code, by mutmut's operators: `<` becomes `<=`, 10 becomes 11, an argument becomes None.

Unlike mutmut, which switches between copies of functions while a program runs, a mutation here is the source of a
whole module. So what is computed at import is changed, too: constants, defaults, fields of dataclasses.

Left out is what is no mechanism: words for people (docstrings, strings with a space in them, the arguments of errors),
annotations and aliases of types, imports, decorators, and the calls that mutmut leaves out (`len`, `isinstance`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

_NEVER_CALLED = ("len", "isinstance", "TypeVar")
_SKIPPED = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change of a module.

    Attributes:
        first, last: lines of the statement that it is in.
        was, becomes: the lines that differ, without the space around them.
        source: of the whole module, changed.
    """

    first: int
    last: int
    was: str
    becomes: str
    source: str


def mutations_of(file: Path) -> Iterator[Mutation]:
    """Every mutation of a module that can be compiled, in the order of its lines."""
    wrapper = MetadataWrapper(cst.parse_module(file.read_text(encoding="utf-8")))
    module, places = wrapper.module, wrapper.resolve(PositionProvider)
    for node, first, last in _nodes(module, places, (1, 1)):
        for kind, operator in mutation_operators:
            if not isinstance(node, kind) or _is_left_alone(node, operator.__name__):
                continue
            for changed in operator(node):
                if _takes_words(node, changed):
                    continue
                source = module.deep_replace(node, changed).code
                if _compiles(source, file):
                    yield Mutation(first, last, *_difference(module.code, source), source)


def _nodes(node: Any, places: Any, lines: tuple[int, int]) -> Iterator[tuple[Any, int, int]]:
    """Nodes below one that may be changed, each with the lines of its statement."""
    for child in node.children:
        if _is_skipped(child):
            continue
        at = lines
        if isinstance(child, cst.BaseSmallStatement | cst.BaseCompoundStatement):
            at = places[child].start.line, _end_of_head(child, places)
        yield child, *at
        yield from _nodes(child, places, at)


def _end_of_head(statement: Any, places: Any) -> int:
    """The last line of a statement, without its block."""
    body = getattr(statement, "body", None)
    if not isinstance(body, cst.IndentedBlock):
        return int(places[statement].end.line)
    return max(int(places[statement].start.line), int(places[body.body[0]].start.line) - 1)


def _is_skipped(node: Any) -> bool:
    """Whether neither a node nor anything below it is changed."""
    match node:
        case cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString()):
            return True
        case cst.Call(func=cst.Name(value=name) | cst.Attribute(attr=cst.Name(value=name))):
            return name in _NEVER_CALLED or name.endswith("Error")
        case cst.If(test=cst.Name(value="TYPE_CHECKING")):
            return True
        case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
            return True
    return isinstance(node, _SKIPPED) or _is_for_people(node)


def _is_left_alone(node: Any, operator: str) -> bool:
    """Whether one operator is not for a node, though others may be, or it is for what is below it."""
    value = getattr(node, "value", None)
    # An alias or a variable of a type, or words for people that have a name.
    match value:
        case cst.Subscript() | cst.Call(func=cst.Name(value="TypeVar")):
            return operator == "operator_assignment"
    return operator == "operator_assignment" and _is_for_people(value)


def _is_for_people(node: Any) -> bool:
    if isinstance(node, cst.ConcatenatedString):
        return _is_for_people(node.left) or _is_for_people(node.right)
    if isinstance(node, cst.FormattedString):
        return any(isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts)
    return isinstance(node, cst.SimpleString) and " " in node.value


def _takes_words(node: Any, changed: Any) -> bool:
    """Whether all that a change of a call takes is words for people."""
    if not isinstance(node, cst.Call):
        return False
    kept = {id(argument) for argument in changed.args}
    taken = [argument.value for argument in node.args if id(argument) not in kept]
    return bool(taken) and all(map(_is_for_people, taken))


def _compiles(source: str, file: Path) -> bool:
    try:
        compile(source, str(file), "exec")
    except SyntaxError:
        return False
    return True


def _difference(old: str, new: str) -> tuple[str, str]:
    """The lines of both that differ, from the first to the last."""
    before, after = old.splitlines(), new.splitlines()
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    was, becomes = (lines[head : len(lines) - tail] for lines in (before, after))
    return tuple(" ".join(" ".join(lines).split()) for lines in (was, becomes))  # type: ignore[return-value]
