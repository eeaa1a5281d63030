"""python -m runtime.tag: finds named entities in texts, files or standard input.

runtime.tag.options    the command line -> a Request
runtime.tag.opening    opens the tagger that the request asks for
runtime.tag.job        joins inputs, tagger and output
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.command_line import leave_at_once, run
from runtime.tag.opening import TaggerOpener, begin_tagger, naming_the_option
from runtime.tag.options import PROG, parse


def main(arguments: Sequence[str], *, begin_tagger: TaggerOpener = begin_tagger, save_seconds: float = 1.0) -> int:
    """Tag what the command line names; see --help.

    Args:
        arguments: arguments of the command line.
        begin_tagger: opens the tagger; see TaggerOpener.
        save_seconds: seconds between two saved states of an output file, and so the work that a killed run can lose.
            Saving more often would spend the time on waiting for the disk.

    Returns:
        The exit status, 0.

    Raises:
        NerveError: see Job and Tagger.open.
    """
    request = parse(arguments)
    end_opening = begin_tagger(request)
    from runtime.tag.job import Job  # not at the top: --help and wrong options need no numpy

    with Job(request, save_seconds=save_seconds) as job:
        if not job.is_done:
            # Only now: a mistake in the inputs or the output is reported before a backend opens the model.
            tagger = end_opening()
            try:
                with naming_the_option():  # rows of one length are checked before their first answer
                    job.run(tagger)
            finally:
                tagger.close()
    return 0


if __name__ == "__main__":
    run(main, PROG, leave=leave_at_once)
