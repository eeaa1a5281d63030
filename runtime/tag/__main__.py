"""python -m runtime.tag: texts in, entities out.

    runtime.tag.options    the command line
    runtime.tag.job        inputs, tagger and output joined

This file only refuses what contradicts itself, and leaves with an exit status.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runtime.command_line import run
from runtime.errors import UsageError
from runtime.tag.options import AUTO, PROG, STANDARD, begin_tagger, parser

if TYPE_CHECKING:
    from runtime.tag.answers import Tagging

# Given the options it begins to open the tagger; called without anything, what it gives ends that.
TaggerOpener = Callable[[argparse.Namespace], Callable[[], "Tagging"]]


def main(arguments: Sequence[str], *, begin_tagger: TaggerOpener = begin_tagger, save_seconds: float = 1.0) -> int:
    """Tag what the command line names; see --help.

    Args:
        arguments: of the command line.
        begin_tagger: opens the tagger that the options ask for; see TaggerOpener.
        save_seconds: work on an output file that a kill may cost; less would be spent on waiting for the disk.
    """
    options = parser().parse_args(arguments)
    options.score = options.score or options.score_file is not None
    _check(options)
    end_opening = begin_tagger(options)
    from runtime.tag.job import Job  # not at the top: --help and what contradicts itself need no numpy

    with Job(options, save_seconds=save_seconds) as job:
        if not job.is_done:
            # Inputs and output are there: a mistake in them has cost no loading of engines.
            tagger = end_opening()
            try:
                job.run(tagger)
            finally:
                tagger.close()
    return 0


def _check(options: argparse.Namespace) -> None:
    """Raises UsageError for options that contradict each other, without a look at any file."""
    if options.texts:
        asked = [name for name in ("input", "resume", "score") if getattr(options, name)]
        asked += [f"format {options.format}"] if options.format not in (AUTO, "text", "lines") else []
        if asked:
            raise UsageError(f"TEXT and --{asked[0]}", "given together", "put the texts into a file, or leave one out")
    if options.input.count(STANDARD) > 1:
        raise UsageError("--input", "standard input is given twice", "give it once")
    if options.resume and options.output == STANDARD:
        raise UsageError("--resume", "given without --output FILE", "say which file to go on with")
    if 0 in (options.word_column, options.gold_column):
        raise UsageError("column", "0", "count from 1, or from the end with -1")


if __name__ == "__main__":
    run(main, PROG)
