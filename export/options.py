"""Options that exporting and certifying share."""

from __future__ import annotations

import os
from pathlib import Path

from runtime.command_line import Parser, count
from runtime.system.libraries import available_threads


def add_options(parser: Parser) -> None:
    """What to certify on, and with how many CPUs."""
    corpus = "CoNLL file, or folder with valid.txt, to certify on"
    parser.add_argument("--corpus", type=Path, required=True, help=corpus)
    parser.add_argument("--sentences", type=int, default=0, help="certify on so many; 0: all (%(default)s)")
    parser.add_argument("--threads", type=count, default=available_threads(), help="CPUs to use (%(default)s)")


def yield_cores() -> None:
    """Let OpenMP's waiting threads give way soon; to be called before torch loads, which reads it then.

    With libgomp's default of 300,000 turns, a step of PyTorch takes ten times as long while another program keeps the
    cores busy. On idle cores it takes the same time.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
