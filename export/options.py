"""Options that exporting and certifying share."""

from __future__ import annotations

from pathlib import Path

from runtime.backends import available_threads
from runtime.cli import Parser, count


def add_options(parser: Parser) -> None:
    """What to certify on, and with how many processors."""
    corpus = "CoNLL file, or folder with valid.txt, to certify on"
    parser.add_argument("--corpus", type=Path, required=True, help=corpus)
    parser.add_argument("--sentences", type=int, default=0, help="certify on so many; 0: all (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), help="processors to use (%(default)s)")
