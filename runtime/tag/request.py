"""Request: a command line as values: the tagger to open, the inputs to read, the output to write.

Importing the module does not import numpy. It does not know how any of this is done.
"""

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
# Texts that are tagged together: enough to fill batches well; more would only cost memory.
CHUNK = 512
# Bytes of a text: more would hardly be one, and what comes through a pipe may have no end.
MAX_TEXT = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """The tagger to open. All attributes but the key, threads, remember and verbose can change its answers.

    Attributes:
        bundle: folder of the bundle.
        wanted: the candidate to run.
        settings: settings of the backend, by name.
        checkpoint: folder of the checkpoint, for the backend pytorch; None: the manifest's.
        allow_uncertified: see Tagger.open.
        limited, public_key: see runtime.bundle.store.open_bundle.
        windowing, decoding: see Tagger.
        threads: number of threads of the backend; 0: one for each CPU.
        reproducible: see Tagger.open.
        remember: number of sentences whose answers are kept, for input that repeats itself.
        profile: see Tagger.open; empty: none.
        verbose: print the chosen candidate on standard error, even where that is no terminal.
    """

    bundle: Path
    wanted: Wanted = ANY
    settings: Mapping[str, str] = field(default_factory=dict)
    checkpoint: Path | None = None
    allow_uncertified: bool = False
    limited: bool = False
    public_key: Path | None = None
    windowing: Windowing = DEFAULT_WINDOWING
    decoding: Decoding = BY_WORD
    threads: int = 0
    reproducible: bool = False
    remember: int = 0
    profile: str = ""
    verbose: bool = False

    def identity(self) -> dict[str, str]:
        """All values that can change a byte of the output, by the names of the options; see Work."""
        # As text, because the journal of an output keeps it as JSON and shows it to the user where it differs.
        names = ("backend", "precision", "device", "file")
        return {
            **{name: str(getattr(self.wanted, name)) for name in names},
            "profile": self.profile,
            "backend_option": str(dict(self.settings)),
            "checkpoint": str(self.checkpoint),
            "allow_uncertified": str(self.allow_uncertified),
            "limited_evidence": str(self.limited),
            "reproducible": str(self.reproducible),
            "read": self.windowing.policy,
            "context": str(self.windowing.context),
            "long": self.windowing.long,
            "stride": str(self.windowing.stride),
            "aggregation": self.decoding.aggregation,
            "constrained": str(self.decoding.constrained),
            "threshold": str(dict(self.decoding.thresholds)),
            "ignore": str(list(self.decoding.ignore)),
            "outside": str(self.decoding.outside),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """The inputs to read and the output to write.

    Attributes:
        texts: texts of the command line.
        inputs: names of files; "-" is standard input.
        format: format of all inputs; "auto": by name and content of each.
        fields: names of the fields in JSONL.
        word_column, gold_column: columns in CoNLL, counted from 1, or from the end with -1.
        on_error: what to do at a broken line: stop, skip it, or record it in the output.
        output: name of a file; "-" is standard output.
        to: format of the output; "auto": by its name, or else by the inputs.
        resume: go on with an output that an earlier run did not finish.
        score: compare the answers with gold labels.
        score_file: file for the scores; None: standard error.
        types: gold entity types -> what the model calls them, for the score.
        chunk: number of texts that are tagged together.
        max_text: bytes of a line, or of a file that is one text, beyond which it is refused.
        progress: show on a terminal how far the run is.
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
    types: Mapping[str, str] = field(default_factory=dict)
    chunk: int = CHUNK
    max_text: int = MAX_TEXT
    progress: bool = True

    def identity(self) -> dict[str, str]:
        """All values but inputs and formats that can change a byte of the output, by the names of the options."""
        return {
            "field": self.fields.text,
            "words_field": self.fields.words,
            "gold_field": self.fields.gold,
            "document_field": self.fields.document,
            "answer_field": self.fields.answer,
            "word_column": str(self.word_column),
            "gold_column": str(self.gold_column),
            "on_error": self.on_error,
            "score": str(self.score),
            "map": str(dict(self.types)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A whole command line."""

    job: JobRequest
    model: ModelRequest
