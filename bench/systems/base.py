"""What is compared: anything that takes raw texts and finds entities with offsets.

    Span      one entity, as plain data
    Setting   what the search may choose for a system
    System    an opened system, in a process of its own; its `tag` is what is timed
    Spec      how to open a system; plain data that is sent to that process

This module knows no library. Each opener imports its own, inside the process that runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

Span = tuple[str, int, int]
"""(type without a scheme's prefix, first character, one past the last character), in code points."""

Group = Literal["nerve", "baseline"]


class Failure(Exception):  # noqa: N818  # it is an answer, like any other: the row says why
    """A system could not do what it was asked to. The message is one line and contains no path."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What the search chooses for a system.

    Attributes:
        batch: texts, or rows, that are computed together.
        streams: batches that are computed at the same time.
        threads: of each stream; streams x threads is at most what the benchmark allows.
        goal: many texts in the least time, or each single text in the least time.
    """

    batch: int
    streams: int
    threads: int
    goal: Literal["throughput", "latency"] = "throughput"


@dataclass(frozen=True, slots=True)
class Split:
    """Where the time of one call went, and how much of the computed batches was padding.

    Attributes:
        stages: seconds by stage (tokenize, pack, backend, decode); empty where a system cannot be looked into.
        slots: token slots that were computed, padding included.
        filled: token slots that held a token.
    """

    stages: dict[str, float]
    slots: int
    filled: int


class System(Protocol):
    """An opened system."""

    def tag(self, texts: Sequence[str]) -> Any:
        """Turn raw texts into entities with offsets, in the objects that its users get. Only this is timed."""
        ...

    def spans(self, answer: Any) -> list[list[Span]]:
        """Return the same entities as plain data, for scoring."""
        ...

    def split(self, texts: Sequence[str]) -> Split:
        """Tag the texts once more and watch where the time goes."""
        ...

    def close(self) -> None:
        """Free its memory and threads."""
        ...


def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One system of the comparison, before it is opened.

    Attributes:
        name: in tables, and for choosing systems.
        title: what it is, for a reader.
        group: one of Nerve's candidates, or a baseline.
        precision: of its matrix multiplications; its roofline is the one in this precision.
        open: a picklable function (functools.partial of a module's function) from a setting to a System.
        settings: what the search tries; where it is only one, nothing is searched.
        needs: import names of the libraries that it cannot run without.
        install: how to install them.
        versions: distribution names whose versions go into its row.
        files: files or folders that it needs to run.
        prepare: a picklable function that makes these files from the checkpoint; called once, in a process of its own.
        same_model: whether it runs the checkpoint, so that its labels can be compared with the checkpoint's.
        cut: how it cuts a text into words: by runtime.text.words, or as the Hugging Face pipeline does.
        certificate: the certified figures of one of Nerve's candidates; empty for baselines.
        workloads: the only workloads that it is measured on; empty for all. A way to read documents is measured on
            documents alone.
    """

    # Plain data and picklable functions only: a Spec is sent to another process.
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
    workloads: tuple[str, ...] = ()
