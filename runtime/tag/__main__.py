"""python -m runtime.tag: texts in, entities out.

runtime.tag.options    the command line -> a Request
runtime.tag.opening    the tagger that it asks for
runtime.tag.job        inputs, tagger and output joined
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.command_line import run
from runtime.tag.opening import TaggerOpener, begin_tagger
from runtime.tag.options import PROG, parse


def main(arguments: Sequence[str], *, begin_tagger: TaggerOpener = begin_tagger, save_seconds: float = 1.0) -> int:
    """Tag what the command line names; see --help.

    Args:
        arguments: of the command line.
        begin_tagger: opens the tagger that is asked for; see TaggerOpener.
        save_seconds: work on an output file that a kill may cost; less would be spent on waiting for the disk.
    """
    request = parse(arguments)
    end_opening = begin_tagger(request)
    from runtime.tag.job import Job  # not at the top: --help and what contradicts itself need no numpy

    with Job(request, save_seconds=save_seconds) as job:
        if not job.is_done:
            # Inputs and output are there: a mistake in them has cost no loading of a backend.
            tagger = end_opening()
            try:
                job.run(tagger)
            finally:
                tagger.close()
    return 0


if __name__ == "__main__":
    run(main, PROG)
