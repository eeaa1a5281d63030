"""python -m bench gpu-check: everything that needs a GPU, with one command. One JSON and its reports.

    python -m bench gpu-check [--minutes 4|9] [--output build/gpu-check] [--checkpoint FOLDER --corpus FOLDER]

It needs no network, no checkpoint and no corpus, and takes the versions of PyTorch and transformers that are installed.
Its steps are in order of importance, because time may run out, and the JSON is written after each of them. The exit
status is 0 if all steps passed whose libraries are installed, and 1 if one did not. On a machine without a GPU it says
so.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.gpu.check import NOT_INSTALLED, NOT_RUN, PASSED, GpuCheck, empty_result, run_steps
from bench.gpu.sizes import SIZES
from bench.gpu.steps import ENVIRONMENT, steps_of
from bench.report.method import method_of
from bench.report.write import make_folder, write_reports
from bench.schema.result import Check, write_result
from runtime.command_line import Parser
from runtime.errors import UsageError
from runtime.system.libraries import available_threads

PROG = "python -m bench gpu-check"


def main(arguments: Sequence[str]) -> int:
    """Do all steps, write the reports, and print what was found."""
    options = _parser().parse_args(arguments)
    if (options.checkpoint is None) != (options.corpus is None):
        raise UsageError("command line", "a checkpoint and a corpus belong together", "give both, or neither")
    make_folder(options.output)
    size, threads = SIZES[options.minutes], available_threads()
    # Models and bundles take gigabytes, and only the figures are kept.
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as work:
        check = GpuCheck(
            work=Path(work),
            output=options.output / "result.json",
            size=size,
            threads=threads,
            end=time.monotonic() + size.seconds,
            result=empty_result(threads, method_of(size.minilm, threads=threads)),
            checkpoint=options.checkpoint,
            corpus=options.corpus,
        )
        _all_steps(check)
    print(write_reports(check.result, options.output))
    return 0 if all(one.status in (PASSED, NOT_INSTALLED) for one in check.result.checks) else 1


def _all_steps(check: GpuCheck) -> None:
    """Do the environment first: without a GPU, nothing else is tried."""
    try:
        run_steps(check, [ENVIRONMENT])
        steps = steps_of(check)
        # A row for each step all the same: who reads the JSON sees what was not done.
        if check.passed(ENVIRONMENT.name):
            run_steps(check, steps)
        else:
            check.result.checks += [Check(step.name, NOT_RUN, ["it needs a GPU"], 0.0) for step in steps]
            write_result(check.output, check.result)
    finally:
        check.close()


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Certify, test and measure everything on this machine's NVIDIA GPU.")
    parser.add_argument(
        "--minutes", type=int, choices=sorted(SIZES), default=9, help="most that it takes (%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=Path("build/gpu-check"), help="for the reports (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, help="your own, in place of a MiniLM that is trained for seconds")
    parser.add_argument("--corpus", type=Path, help="its corpus: a folder with train.txt and valid.txt")
    return parser
