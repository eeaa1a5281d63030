"""python -m bench: measure a bundle's candidates against each other and against what people use today.

    python -m bench [BUNDLE] --corpus FOLDER [--quick] [--texts FILE] [--only NAME ...] ...
    python -m bench compare OLD.json NEW.json [--fail-above 5%]
    python -m bench readme RESULT.json [--check]

The last line of a run's standard output is the path of its JSON; a Markdown and an HTML report lie beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime.command_line import run

PROG = "python -m bench"


def main(arguments: Sequence[str]) -> int:
    """Pass the arguments on to the command that they name; without a name, it is a run."""
    if arguments[:1] == ["compare"]:
        from bench.report.compare import main as compare

        return compare(arguments[1:])
    if arguments[:1] == ["readme"]:
        from bench.report.readme import main as readme

        return readme(arguments[1:])
    from bench.command import main as measure

    return measure(arguments)


if __name__ == "__main__":
    run(main, PROG)
