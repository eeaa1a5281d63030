"""python -m runtime.backends: a list of all backends, with what each one lacks on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.backends.registry import specs
from runtime.command_line import Parser, run
from runtime.system.machine import THIS_MACHINE, Machine

PROG = "python -m runtime.backends"


def main(arguments: Sequence[str], *, here: Machine = THIS_MACHINE) -> int:
    """Print two lines for each backend and device: its summary, and whether it can run on the machine `here`."""
    Parser(prog=PROG, description="List the backends, and what each one lacks on this machine.").parse_args(arguments)
    for spec in specs():
        missing = spec.missing(here)
        state = f"missing: {missing.problem}; {missing.fix}" if missing else "can run here"
        print(f"{spec.name:<22}{spec.device:<6}{spec.summary}\n    {state}")
    return 0


if __name__ == "__main__":
    run(main, PROG)
