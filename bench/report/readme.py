"""python -m bench readme RESULT.json: the README's table is written from a result, and from nothing else.

It goes between two marks that stand in the README; --check says whether what stands there is what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.report.tables import NONE, Table, cost_table, speed_table
from bench.schema.result import Result, read_result
from runtime.command_line import Parser
from runtime.errors import StorageError
from runtime.system.files import write_atomically

PROG = "python -m bench readme"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
# Columns that a reader of the README needs; the report has them all.
_SPEED = ("system", "precision", "texts/s", "Nerve x this [95%]", "of roofline", "F1", "changed/10k", "by backend/10k")
_COST = ("p50 ms", "p99 ms", "cold s", "peak MiB", "disk MiB")


def main(arguments: Sequence[str]) -> int:
    """Write the table, or check it: 1 if it is not what the result says."""
    options = _parser().parse_args(arguments)
    text = _read(options.readme)
    wanted = with_block(text, block_of(read_result(options.result), options.result), options.readme)
    if options.check:
        if text != wanted:
            print(
                f"{options.readme} does not say what {options.result} says: run {PROG} {options.result}",
                file=sys.stderr,
            )
            return 1
        return 0
    write_atomically(options.readme, wanted.encode())
    return 0


def block_of(result: Result, path: Path) -> str:
    """What stands between the marks.

    Args:
        path: of the JSON, as it is to be linked from the README.
    """
    machine, main = result.machine, result.workloads[0]
    caption = (
        f"{main.name}: {main.texts:,} texts, {main.tokens:,} tokens; {machine['cpu']}, "
        f"{result.threads} threads; "
        f"checkpoint {result.checkpoint['name']}; commit {machine['commit'][:12]}; "
        f"{'a quick run' if result.quick else f'{len(_rounds(result))} interleaved rounds'}. "
        f"Written by `{PROG}` from [{path.as_posix()}]({path.as_posix()})."
    )
    return f"{table_of(result).markdown()}\n\n{caption}\n"


def table_of(result: Result) -> Table:
    """Speed and cost side by side, measured rows alone, the fastest first; then one line with those that were not."""
    speed, cost = speed_table(result, result.workloads[0]), cost_table(result)
    costs = {row[0]: dict(zip(cost.header, row)) for row in cost.rows}
    measured = [row for row in result.rows if row.status == "measured" and row.on(result.workloads[0].name)]
    order = sorted(measured, key=lambda row: -row.throughput[0].texts_per_second)
    speeds = {row[0]: dict(zip(speed.header, row)) for row in speed.rows}
    rows = [
        (*(speeds[row.name][name] for name in _SPEED), *(costs[row.name].get(name, NONE) for name in _COST))
        for row in order
    ]
    return Table((*_SPEED, *_COST), tuple(rows))


def with_block(text: str, block: str, place: Path) -> str:
    """The README with that block between its marks.

    Raises:
        StorageError: the marks are missing, or in the wrong order.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise StorageError(str(place), "the marks for the table are missing", f"put {BEGIN} and {END} where it belongs")
    return f"{head}{BEGIN}\n{block}{END}{tail}"


def _rounds(result: Result) -> list[float]:
    return max((row.throughput[0].seconds for row in result.rows if row.throughput), key=len, default=[])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(str(path), error.strerror or str(error), "give --readme FILE") from error


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Write the README's table from a result.")
    parser.add_argument("result", type=Path, help="a JSON under bench/results/")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit status 1 if it would change something"
    )
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="the file (%(default)s)")
    return parser
