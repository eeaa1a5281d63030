"""python -m runtime.tag: text in, one JSON object a text out.

It reads arguments or lines of standard input, and prints; tagging itself is the Tagger's.
"""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runtime.cli import Parser, run
from runtime.entity import Entity
from runtime.errors import TextError

PROG = "python -m runtime.tag"
STDIN = "standard input"
# Decimal places of a score; a float32 close to 1 has no more than seven.
SCORE_PLACES = 6


def main(arguments: Sequence[str]) -> int:
    """Tag the texts of the command line, or the lines of standard input."""
    options = _parser().parse_args(arguments)
    # Given texts are checked before the model is loaded: a mistake costs no waiting.
    texts = [_checked(text, number, f"text {number}") for number, text in enumerate(options.texts, start=1)]
    from runtime.tagger import CHUNK, Tagger  # not at the top: --help needs no numpy

    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # JSON is UTF-8, whatever the locale says
    with Tagger.open(
        options.bundle,
        backend=options.backend,
        precision=options.precision,
        threads=options.threads,
        checkpoint=options.checkpoint,
        allow_uncertified=options.allow_uncertified,
    ) as tagger:
        # A person at a terminal wants an answer to each line; a pipe wants speed.
        chunk = 1 if not texts and sys.stdin.isatty() else CHUNK
        pending: deque[str] = deque()
        try:
            for entities in tagger.stream(_noted(texts or _lines(), pending), chunk=chunk):
                print(_json(pending.popleft(), entities), flush=chunk == 1)
        except TextError as error:
            place = error.what if texts or not error.what.startswith("text ") else f"{STDIN}:{error.number}"
            raise TextError(error.number, error.found, error.do, place=place) from error
    return 0


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Find named entities. One JSON object a text, on one line.")
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text; without any, each line of standard input")
    parser.add_argument(
        "--bundle", type=Path, default=Path("build/bundle"), help="folder that export made (%(default)s)"
    )
    parser.add_argument("--backend", default="onnxruntime", help="engine: onnxruntime or pytorch (%(default)s)")
    parser.add_argument("--precision", default="fp32", help="of the graph (%(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="for the engine; 0: all processors (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, help="for the backend pytorch: the folder, if it has moved")
    parser.add_argument("--allow-uncertified", action="store_true", help="run what holds no passing certificate")
    return parser


def _json(text: str, entities: Sequence[Entity]) -> str:
    found = [
        {
            "label": entity.label,
            "text": entity.text,
            "start": entity.start,
            "end": entity.end,
            "score": round(entity.score, SCORE_PLACES),
        }
        for entity in entities
    ]
    return json.dumps({"text": text, "entities": found}, ensure_ascii=False)


def _noted(texts: Iterable[str], pending: deque[str]) -> Iterator[str]:
    """Pass texts on, and remember those whose answers are still to come."""
    for text in texts:
        pending.append(text)
        yield text


def _lines() -> Iterator[str]:
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        place = f"{STDIN}:{number}"
        try:
            text = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError as error:
            found = f"byte {raw[error.start]:#04x} is not UTF-8"
            raise TextError(number, found, "convert the text to UTF-8", place=place) from error
        yield _checked(text, number, place)


def _checked(text: str, number: int, place: str) -> str:
    if not text.strip():
        raise TextError(number, "the text is empty", "give it some words, or leave it out", place=place)
    # Bytes of an argument that are not UTF-8 arrive as halves of surrogate pairs (PEP 383).
    if any("\udc80" <= character <= "\udcff" for character in text):
        raise TextError(number, "the text is not UTF-8", "convert it to UTF-8", place=place)
    return text


if __name__ == "__main__":
    run(main, PROG)
