"""What is compared: anything that takes raw texts and finds entities with offsets.

    Span      one entity, as plain data
    Setting   what the small search may choose for a system
    System    an opened one, in its own process: tag is what is timed
    Spec      how to open it; plain data that travels to that process

It knows no library: every opener imports its own, inside the process that will run it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Span = tuple[str, int, int]
"""(type without a scheme's prefix, first character, one past the last character), in code points."""

Group = Literal["nerve", "peer"]


class Failure(Exception):  # noqa: N818  # an answer, like any other: it becomes a row that says so
    """A system could not do what was asked of it. The message is one line and holds no path."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the small search chooses.

    Attributes:
        batch: texts, or rows, that the engine is given at once.
        streams: batches that run side by side.
        threads: for each stream; streams x threads is at most what the run allows.
        goal: many texts in the least time, or one at a time.
    """

    batch: int
    streams: int
    threads: int
    goal: Literal["throughput", "latency"] = "throughput"


@dataclass(frozen=True, slots=True)
class Split:
    """Where the time of one call went, and how much of the engine's work was padding.

    Attributes:
        stages: seconds by stage (tokenise, pack, engine, decode); empty where a system cannot be looked into.
        slots: tokens that the engine computed, padding included.
        filled: those among them that hold a token.
    """

    stages: dict[str, float]
    slots: int
    filled: int


class System(Protocol):
    """An opened system."""

    def tag(self, texts: Sequence[str]) -> Any:
        """Raw texts to entities with offsets, in whatever objects its users get. This, and nothing else, is timed."""
        ...

    def spans(self, answer: Any) -> list[list[Span]]:
        """The same entities as plain data, for scoring."""
        ...

    def split(self, texts: Sequence[str]) -> Split:
        """Tag once more, watched."""
        ...

    def close(self) -> None:
        """Give back memory and threads."""
        ...


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One line of the comparison.

    Attributes:
        name: in tables and for --only.
        title: what it is, for a reader.
        group: ours or a peer's.
        precision: of its matrix products; names the limit that it is held against.
        open: a picklable function (functools.partial of a module's) from a setting to a System.
        settings: what the search tries; the first is taken where there is nothing to search.
        needs: import names of the libraries it cannot do without.
        install: how to get them.
        versions: distribution names whose versions go into its row.
        files: what it needs on disk to run, files or folders.
        prepare: a picklable function that makes these files from the checkpoint; run once, in its own process.
        same_model: whether it runs the checkpoint, so that its tags can be held against the checkpoint's.
        cut: how it cuts a text into words: by runtime.text.words, or as the Hugging Face pipeline does.
        certificate: the certified figures of one of our candidates; empty for peers.
    """

    name: str
    title: str
    group: Group
    precision: str
    open: Callable[[Setting], System]
    settings: tuple[Setting, ...]
    needs: tuple[str, ...] = ()
    install: str = "pip install 'nerve-ner[bench]'"
    versions: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    prepare: Callable[[], None] = _nothing
    same_model: bool = True
    cut: Literal["words", "pipeline"] = "words"
    certificate: tuple[tuple[str, float | int | None], ...] = ()
