"""What a command line asks for, as values: what to open, what to read, what to write. It imports no arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runtime.batch.windowing import DEFAULT_WINDOWING, Windowing
from runtime.bundle.certificate import ANY, Wanted
from runtime.decode.options import BY_WORD, Decoding
from runtime.tag.input.detect import Input, Output
from runtime.tag.input.jsonl import Fields

OnError = Literal["stop", "skip", "record"]
# Texts tagged together: enough to sort by length well; more only costs memory.
CHUNK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """Which tagger to open. All but the last two change what it answers.

    Attributes:
        bundle: its folder.
        wanted: the candidate.
        settings: of the backend's library.
        checkpoint: for the backend pytorch; None: where the manifest says.
        allow_uncertified: see Tagger.open.
        windowing, decoding: see Tagger.
        threads: for the backend; 0: all CPUs.
        verbose: say on standard error which candidate was taken, also where that is no terminal.
    """

    bundle: Path
    wanted: Wanted = ANY
    settings: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    allow_uncertified: bool = False
    windowing: Windowing = DEFAULT_WINDOWING
    decoding: Decoding = BY_WORD
    threads: int = 0
    verbose: bool = False

    def identity(self) -> dict[str, str]:
        """What a byte of the output can depend on, by the names that users know."""
        names = ("backend", "precision", "device", "file")
        return {
            **{name: str(getattr(self.wanted, name)) for name in names},
            "backend_option": str(dict(self.settings)),
            "checkpoint": str(self.checkpoint),
            "allow_uncertified": str(self.allow_uncertified),
            "read": self.windowing.policy,
            "context": str(self.windowing.context),
            "long": self.windowing.long,
            "stride": str(self.windowing.stride),
            "aggregation": self.decoding.aggregation,
            "constrained": str(self.decoding.constrained),
            "threshold": str(dict(self.decoding.thresholds)),
            "ignore": str(list(self.decoding.ignore)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """What to read and to write.

    Attributes:
        texts: of the command line.
        inputs: files; "-" is standard input.
        format: of all inputs, or "auto".
        fields: of JSONL.
        word_column, gold_column: of CoNLL, from 1, or from the end with -1.
        on_error: what to do at a broken line.
        output: a file; "-" is standard output.
        to: its format, or "auto".
        resume: go on with an output that was not finished.
        score: against gold labels.
        score_file: where the score goes; None: standard error.
        chunk: texts that are tagged together.
        progress: show how far the run is, on a terminal.
    """

    texts: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    format: Input | Literal["auto"] = "auto"
    fields: Fields = field(default_factory=Fields)
    word_column: int = 1
    gold_column: int = -1
    on_error: OnError = "stop"
    output: str = "-"
    to: Output | Literal["auto"] = "auto"
    resume: bool = False
    score: bool = False
    score_file: Path | None = None
    chunk: int = CHUNK
    progress: bool = True

    def identity(self) -> dict[str, str]:
        """What a byte of the output can depend on besides its inputs and formats, by the names that users know."""
        return {
            "field": self.fields.text,
            "words_field": self.fields.words,
            "gold_field": self.fields.gold,
            "answer_field": self.fields.answer,
            "word_column": str(self.word_column),
            "gold_column": str(self.gold_column),
            "on_error": self.on_error,
            "score": str(self.score),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole command line."""

    job: JobRequest
    model: ModelRequest
