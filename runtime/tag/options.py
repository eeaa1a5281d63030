"""The options of python -m runtime.tag, and the Request that they make. Importing the module does not import numpy."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import AUTO, Wanted
from runtime.command_line import Parser, add_trust, count
from runtime.decode.options import Decoding
from runtime.errors import UsageError
from runtime.tag.input.detect import Input
from runtime.tag.input.jsonl import Fields
from runtime.tag.input.source import STANDARD
from runtime.tag.option_values import context, not_negative, pair, setting, stride, threshold
from runtime.tag.request import CHUNK, MAX_TEXT, JobRequest, ModelRequest, Request

PROG = "python -m runtime.tag"
_EPILOG = """\
An output FILE is written as FILE.partial and gets its name when it is whole. A run that was killed, or that stopped at
a broken line which you have fixed since, goes on where it was if you add --resume. Names that end in .gz, .xz,
.bz2 or .zst are packed. CoNLL is given back byte for byte with the prediction as one column more; -DOCSTART-, blank
and # lines stay as they are. Exit status: 0 done, 2 an error, in one line."""


def parse(arguments: Sequence[str]) -> Request:
    """The Request of a command line.

    Raises:
        UsageError: an option is unknown, has a wrong value, or contradicts another one.
    """
    options = parser().parse_args(arguments)
    _check(options)
    return Request(job=_job(options), model=_model(options))


def parser() -> Parser:
    """The parser of the command line."""
    made = Parser(
        prog=PROG,
        description="Find named entities in texts, files or standard input.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("texts", nargs="*", metavar="TEXT", help="a text; without any, --input or standard input is read")
    _add_input(made)
    _add_output(made)
    _add_reading(made)
    _add_decoding(made)
    _add_model(made)
    _add_running(made)
    add_trust(made, "trust")
    return made


def _job(options: argparse.Namespace) -> JobRequest:
    return JobRequest(
        texts=tuple(options.texts),
        inputs=tuple(options.input),
        format=options.format,
        fields=Fields(
            text=options.field,
            words=options.words_field,
            gold=options.gold_field,
            document=options.document_field,
            answer=options.answer_field,
        ),
        word_column=options.word_column,
        gold_column=options.gold_column,
        on_error=options.on_error,
        output=options.output,
        to=options.to,
        resume=options.resume,
        score=options.score or options.score_file is not None,
        score_file=options.score_file,
        types=dict(options.map),
        chunk=options.chunk,
        max_text=options.max_text,
        progress=not options.no_progress,
    )


def _model(options: argparse.Namespace) -> ModelRequest:
    return ModelRequest(
        bundle=options.bundle,
        wanted=Wanted(backend=options.backend, precision=options.precision, device=options.device, file=options.file),
        settings=dict(options.backend_option),
        checkpoint=options.checkpoint,
        allow_uncertified=options.allow_uncertified,
        limited=options.limited_evidence,
        public_key=options.require_signature,
        windowing=Windowing(policy=options.read, context=options.context, long=options.long, stride=options.stride),
        decoding=Decoding(
            aggregation=options.aggregation,
            constrained=options.constrained,
            thresholds=dict(options.threshold),
            ignore=options.ignore,
            outside=options.outside,
        ),
        threads=options.threads,
        reproducible=options.reproducible,
        remember=options.remember,
        profile=options.profile,
        verbose=options.verbose,
    )


# argparse cannot say that two options exclude each other only for some of their values.
def _check(options: argparse.Namespace) -> None:
    """Raise UsageError for options that contradict each other. No file is opened: a mistake is reported at once."""
    if options.texts:
        asked = [name for name in ("input", "resume", "score") if getattr(options, name)]
        asked += ["score"] if options.score_file and not options.score else []
        asked += [f"format {options.format}"] if options.format not in (AUTO, "text", "lines") else []
        if asked:
            raise UsageError(f"TEXT and --{asked[0]}", "given together", "put the texts into a file, or leave one out")
    if options.input.count(STANDARD) > 1:
        raise UsageError("--input", "standard input is given twice", "give it once")
    if options.resume and options.output == STANDARD:
        raise UsageError("--resume", "given without --output FILE", "say which file to go on with")
    if 0 in (options.word_column, options.gold_column):
        raise UsageError("column", "0", "count from 1, or from the end with -1")


def _add_input(made: Parser) -> None:
    group = made.add_argument_group("input")
    group.add_argument(
        "-i", "--input", nargs="+", action="extend", default=[], metavar="FILE", help="files; - is standard input"
    )
    group.add_argument(
        "-f",
        "--format",
        choices=(AUTO, *get_args(Input)),
        default=AUTO,
        help="text: a file is one text; lines: a line is; jsonl: a JSON object a line; json: an array of texts or "
        "objects; csv, tsv, parquet: a table with named columns; words: a sentence a line, its words between white "
        "space; conll: a word a line, with columns; conllu: CoNLL-U; auto: by name and first bytes (%(default)s)",
    )
    group.add_argument("--field", default=AUTO, metavar="NAME", help="jsonl, tables: of the text (text)")
    group.add_argument("--words-field", default=AUTO, metavar="NAME", help="jsonl: with the words (words, tokens)")
    group.add_argument("--gold-field", default=AUTO, metavar="NAME", help="jsonl: with gold labels (gold, labels)")
    group.add_argument("--document-field", default=AUTO, metavar="NAME", help="jsonl: with the document (doc_id)")
    group.add_argument("--word-column", type=int, default=1, metavar="N", help="conll: of the word (%(default)s)")
    group.add_argument(
        "--gold-column", type=int, default=-1, metavar="N", help="conll: of the gold label; -1: last (%(default)s)"
    )
    group.add_argument(
        "--max-text",
        type=count,
        default=MAX_TEXT,
        metavar="BYTES",
        help="of a line, a value or a file that is one text; more is refused, before it is held (%(default)s)",
    )
    group.add_argument(
        "--on-error",
        choices=("stop", "skip", "record"),
        default="stop",
        help="at a broken line: stop; skip it and say so; record it in its place: as {error, file, line} in JSONL, as "
        "it is in CoNLL (%(default)s)",
    )


def _add_output(made: Parser) -> None:
    group = made.add_argument_group("output")
    group.add_argument("-o", "--output", default=STANDARD, metavar="FILE", help="- is standard output (%(default)s)")
    group.add_argument(
        "-t",
        "--to",
        choices=(AUTO, "jsonl", "conll", "color", "html"),
        default=AUTO,
        help="color: for a terminal; html: a page by itself; auto: by the output's name, else as the input, CoNLL or "
        "JSONL (%(default)s)",
    )
    group.add_argument(
        "--answer-field",
        default=AUTO,
        metavar="NAME",
        help="jsonl: the field to add (entities, labels; or predicted_...)",
    )
    group.add_argument("--resume", action="store_true", help="go on with an --output that was not finished")
    group.add_argument("--score", action="store_true", help="against gold labels, on standard error, as conlleval does")
    group.add_argument("--score-file", type=Path, metavar="FILE", help="the same, into a file")
    group.add_argument(
        "--map",
        type=pair,
        action="append",
        default=[],
        metavar="GOLD=MODEL",
        help="for the score: the gold labels' type GOLD is what the model calls MODEL, such as PERSON=PER",
    )
    group.add_argument(
        "--chunk",
        type=count,
        default=CHUNK,
        metavar="N",
        help="texts that are read and tagged together; 1 answers each at once, as at a terminal (%(default)s)",
    )
    group.add_argument("--no-progress", action="store_true", help="no progress bar, which only a terminal gets anyway")


def _add_decoding(made: Parser) -> None:
    group = made.add_argument_group("decoding")
    group.add_argument(
        "--aggregation",
        default="word",
        metavar="NAME",
        help="word: as corpora cut words; none, simple, first, average, max: as transformers' pipeline (%(default)s)",
    )
    group.add_argument("--constrained", action="store_true", help="only label sequences that the scheme allows")
    group.add_argument(
        "--threshold",
        type=threshold,
        action="append",
        default=[],
        metavar="LABEL=SCORE",
        help="drop entities of that label below that score, 0 to 1",
    )
    outside = "with the pipeline's aggregations: give what is outside of entities, too, as its ignore_labels=[] does"
    group.add_argument("--outside", action="store_true", help=outside)
    group.add_argument("--ignore", action="append", default=[], metavar="LABEL", help="drop entities of that label")


def _add_reading(made: Parser) -> None:
    group = made.add_argument_group("reading of texts longer than a sentence")
    group.add_argument(
        "--read",
        choices=(AUTO, "sentences", "context", "windows"),
        default=AUTO,
        help="how a text is cut for the model: each sentence by itself; each with its neighbors as context; or the "
        "whole text, in windows if it is long; auto: what export measured as the best, else sentences (%(default)s)",
    )
    group.add_argument(
        "--context",
        type=context,
        default=AUTO,
        metavar="N",
        help="tokens of the neighbors that a sentence is read with on each side, which by itself asks for --read "
        "context; auto is what export measured, else 64 (%(default)s)",
    )
    group.add_argument(
        "--long",
        choices=("split", "error"),
        default="split",
        help="a sentence longer than the model: read it in windows, or take its text as broken (%(default)s)",
    )
    group.add_argument(
        "--stride",
        type=stride,
        default=AUTO,
        metavar="N",
        help="tokens that neighboring windows share; auto is half a window (%(default)s)",
    )


def _add_model(made: Parser) -> None:
    group = made.add_argument_group(
        "model", "Without a choice, the fastest certified candidate that is installed runs."
    )
    group.add_argument(
        "--bundle",
        type=Path,
        default=Path("build/bundle"),
        metavar="FOLDER",
        help="that export made, or in Optimum's layout (%(default)s)",
    )
    group.add_argument("--backend", default=AUTO, metavar="NAME", help="a library, such as onnxruntime (%(default)s)")
    group.add_argument(
        "--precision",
        default=AUTO,
        metavar="NAME",
        help="to compute in: fp32, fp16, bf16, int8, fp8, int4, or auto (%(default)s)",
    )
    group.add_argument("--device", choices=("cpu", "cuda", AUTO), default=AUTO, help="to run on (%(default)s)")
    group.add_argument("--file", default="", metavar="NAME", help="the bundle's graph or TensorRT engine to run")
    group.add_argument(
        "--backend-option",
        type=setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the backend on a GPU, such as cuda_graph=0",
    )
    group.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="of the backend pytorch, if it has moved")
    group.add_argument("-v", "--verbose", action="store_true", help="say which candidate was taken")


def _add_running(made: Parser) -> None:
    group = made.add_argument_group("running")
    group.add_argument("--threads", type=int, default=0, metavar="N", help="of the backend; 0: all CPUs (%(default)s)")
    group.add_argument("--profile", default="", metavar="NAME", help="of the bundle, as python -m export.tune made it")
    group.add_argument(
        "--reproducible",
        action="store_true",
        help="scores that are the same to the last bit whatever --chunk, --threads and the other texts are; slower",
    )
    group.add_argument(
        "--remember",
        type=not_negative,
        default=0,
        metavar="N",
        help="keep the answers of N sentences, for input that repeats itself, such as logs (%(default)s)",
    )
