"""python -m bench: measure a bundle's candidates against each other and against what people use today.

    python -m bench [BUNDLE] --corpus FOLDER [--quick] [--texts FILE] [--only NAME ...] ...
    python -m bench gpu-check [--minutes 4|9]
    python -m bench serve [BUNDLE] --corpus FOLDER [--quick] [--triton-python FOLDER] ...
    python -m bench one-text BUNDLE --corpus FOLDER [--rounds N] [--strict] ...
    python -m bench large BUNDLE --corpus FOLDER [--rounds N] ...
    python -m bench start BUNDLE [--starts N] [--strict]
    python -m bench documents|reading|strides|repeats|integrations ...    how texts are read, and by which library
    python -m bench compare OLD.json NEW.json [--fail-above 5%]
    python -m bench readme RESULT.json [--check]

The last line that a benchmark prints is the path of its JSON; a Markdown and an HTML report lie beside it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from runtime.command_line import run

PROG = "python -m bench"
# Each is imported only when it is asked for, since each brings libraries of its own.
_COMMANDS = {
    "gpu-check": "bench.gpu.command",
    "compare": "bench.report.compare",
    "readme": "bench.report.readme",
    "serve": "bench.serve.command",
    "one-text": "bench.one_text",
    "large": "bench.large",
    "start": "bench.start",
    "documents": "bench.documents",
    "reading": "bench.reading",
    "strides": "bench.strides",
    "repeats": "bench.repeats",
    "integrations": "bench.integrations.__main__",
}


def main(arguments: Sequence[str]) -> int:
    """Pass the arguments on to the command that they name; without a name, measure."""
    name = arguments[0] if arguments else ""
    if name in _COMMANDS:
        status: int = importlib.import_module(_COMMANDS[name]).main(arguments[1:])
        return status
    from bench.command import main as measure

    return measure(arguments, others=tuple(_COMMANDS))


if __name__ == "__main__":
    run(main, PROG)
