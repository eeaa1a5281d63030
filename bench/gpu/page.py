"""python -m bench.gpu.page RESULT: what docs/gpu.md says of a measured GPU is written from a GPU check's JSON.

Beside each measured figure stands the estimate for that GPU, where there is one. A result may lack any model or part of
one, because the time of a check may run out. NAME-first.json beside NAME.json is an earlier run, and its figures stand
for the models that have none in NAME.json. --check says whether what is there is what would be written.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report.goals import goals_table
from bench.report.marks import with_block
from bench.report.tables import NONE, Table, figure
from bench.schema.result import Measured, Result, Row, Throughput, read_result
from runtime.command_line import Parser, run
from runtime.system.files import write_atomically

PROG = "python -m bench.gpu.page"
MARKS = "<!-- gpu-check:begin -->", "<!-- gpu-check:end -->"
ESTIMATES = Path("bench/results/engines.json")
# The estimates' names of GPUs and models, and the graph that they are of.
_GPU_NAMES = {"NVIDIA H100 80GB HBM3": "H100 SXM", "NVIDIA A100-SXM4-80GB": "A100 80GB SXM", "Tesla T4": "T4"}
_MODELS = {"minilm": "MiniLM-L6", "bert-large": "bert-large"}
_GRAPH = "packed-fp16.onnx"
_HEADER = (
    *("system", "texts/s", "tokens/s", "x pipeline", "x PyTorch", "of matrix rate"),
    *("backend alone", "of matrix rate", "one sentence, p50 ms", "p99", "changed/10k"),
)
Estimate = Mapping[str, float]
Earlier = tuple[Result, Path]


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it: 1 if it is not what the result says."""
    options = _parser().parse_args(arguments)
    page = options.docs.read_text(encoding="utf-8")
    estimates = json.loads(options.estimates.read_text(encoding="utf-8"))
    block = block_of(read_result(options.result), options.result, estimates, earlier_of(options.result))
    wanted = with_block(page, block, options.docs, MARKS)
    if not options.check:
        write_atomically(options.docs, wanted.encode())
    elif wanted != page:
        print(f"{options.docs} is not of {options.result}: run {PROG} {options.result}", file=sys.stderr)
        return 1
    return 0


def earlier_of(path: Path) -> Earlier | None:
    """Return the earlier run that is kept beside a result, and its path; None where there is none."""
    first = path.with_name(f"{path.stem}-first.json")
    return (read_result(first), first) if first.is_file() else None


def block_of(result: Result, path: Path, estimates: Mapping[str, Any], earlier: Earlier | None = None) -> str:
    """Return what stands between the marks.

    Args:
        result: of a GPU check.
        path: of its JSON, as the page links to it.
        estimates: the JSON of bench.gpu.engines.
        earlier: a run before it with its path, for models whose speed this one has not.
    """
    parts = [_about(result, path), goals_table(result).markdown()]
    for measured in result.workloads:
        parts += _model(result, measured, estimates, measured.name)
    if earlier is not None:
        parts += _earlier(*earlier, result, estimates)
    parts += ["### Steps", _steps(result).markdown()]
    return "\n\n".join(parts) + "\n"


def _model(result: Result, measured: Measured, estimates: Mapping[str, Any], title: str) -> list[str]:
    """Return the paragraphs of one model; one without a speed has its answers alone."""
    parts = [f"### {title}: {measured.texts:,} texts, {measured.tokens:,} tokens"]
    if not _timed(result, measured.name):
        return [*parts, "No speed was measured in the time of this run.", *_answers(result, measured.name)]
    parts += [_rates(measured), speeds(result, measured).markdown()]
    if found := estimate_of(result, measured.name, estimates):
        parts.append(_estimated(result, measured, found))
    return parts


def _timed(result: Result, model: str) -> list[Row]:
    return [row for row in result.rows if row.on(model)]


def _answers(result: Result, model: str) -> list[str]:
    """Return a table of the answers of systems that were scored; no table where none was."""
    scored = [(row.name, right) for row in result.rows if (right := row.accuracy_on(model))]
    rows = tuple(
        (name, figure(right.f1, ".4f"), figure(right.backend_changed_per_10k, ".1f")) for name, right in scored
    )
    return [Table(("system", "F1", "changed/10k"), rows).markdown()] if rows else []


def _earlier(earlier: Result, path: Path, result: Result, estimates: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs of models that the earlier run has a speed of, and the result has not."""
    wanted = [one for one in earlier.workloads if _timed(earlier, one.name) and not _timed(result, one.name)]
    if not wanted:
        return []
    commit = earlier.machine["commit"][:7]
    title = f"{{}}, first run ({earlier.made[:10]}, commit {commit}, before the mends that followed from it)"
    parts = [part for one in wanted for part in _model(earlier, one, estimates, title.format(one.name))]
    return [*parts, f"Of that run: {_about(earlier, path)}"]


def speeds(result: Result, measured: Measured) -> Table:
    """Return the table of one model: every system whose speed was measured."""
    rows = _timed(result, measured.name)
    remarks = [(row.name, one) for row in rows for one in _remarks(row, measured.name)]
    return Table(_HEADER, tuple(_row(row, rows, measured) for row in rows), tuple(remarks))


def _row(row: Row, rows: Sequence[Row], measured: Measured) -> tuple[str, ...]:
    found, right = row.on(measured.name), row.accuracy_on(measured.name)
    assert found is not None
    alone = _alone(row, measured)
    one = next((each for each in row.latency if each.texts == f"{measured.name}, sentence"), None)
    return (
        row.name,
        f"{found.texts_per_second:,.0f}",
        f"{found.tokens_per_second:,.0f}",
        _times(found, rows, "pipeline-", measured.name),
        _times(found, rows, "pytorch-", measured.name),
        figure(found.share_of_roofline, ".1%"),
        figure(alone, ",.0f"),
        figure(share_of(alone, row, measured), ".1%"),
        figure(one.p50 if one else None, ".2f"),
        figure(one.p99 if one else None, ".2f"),
        figure(right.backend_changed_per_10k if right else None, ".1f"),
    )


def _alone(row: Row, measured: Measured) -> float | None:
    """Return the tokens a second of the backend alone; None where nobody watched it."""
    found = row.on(measured.name)
    # Results of before it stood with the speed have it in the row, of the one workload.
    of_row = row.split.get("backend") if len(row.throughput) == 1 else None
    seconds = (found.backend_seconds if found else None) or of_row
    return measured.tokens / seconds if seconds else None


def share_of(tokens_per_second: float | None, row: Row, measured: Measured) -> float | None:
    """Return the share of the matrix rate that so many tokens a second are, 0 to 1; None where one is not known."""
    roofline = measured.rooflines.get(row.precision)
    if tokens_per_second is None or roofline is None:
        return None
    return tokens_per_second * measured.flops_per_token / roofline.median


def _times(found: Throughput, rows: Sequence[Row], family: str, model: str) -> str:
    """Return the speed as a multiple of that of the system whose name begins so."""
    other = next((speed for row in rows if row.name.startswith(family) and (speed := row.on(model))), None)
    return NONE if other is None or other is found else f"{found.tokens_per_second / other.tokens_per_second:.1f}"


def _remarks(row: Row, model: str) -> list[str]:
    """Return what is not there. Results of before this was a list have it as the reason of a failure."""
    missing = [row.reason] if row.status != "measured" else row.incomplete
    said = [f"after the throughput: {what}" if row.status != "measured" else what for what in missing]
    found = row.on(model)
    if found and found.search:
        tried = ", ".join(f"{batch:.0f}: {rate:,.0f}" for batch, _, _, rate in found.search)
        said.append(f"batch {found.setting[0]} was the fastest of those tried (texts/s of one pass: {tried})")
    return said


def _rates(measured: Measured) -> str:
    told = [f"{one.median / 1e12:,.0f} T operations a second in {name}" for name, one in measured.rooflines.items()]
    rounds = f"The GPU's matrix rate, measured in the same rounds: {', '.join(told) or 'not measured'}."
    return f"{rounds} The share counts the linear layers' operations alone."


def estimate_of(result: Result, model: str, estimates: Mapping[str, Any]) -> Estimate | None:
    """Return the estimate for the result's GPU and that model in fp16; None where there is none."""
    gpus = result.machine.get("gpu") or [""]
    name = _GPU_NAMES.get(gpus[0].partition(",")[0], "")
    for entry in estimates["engines"]:
        if entry["model"] == _MODELS.get(model) and entry["facts"]["graph"] == _GRAPH:
            found: Estimate | None = entry["estimates"].get(name)
            return found
    return None


def _estimated(result: Result, measured: Measured, estimate: Estimate) -> str:
    """Return the estimate beside what Nerve's fastest candidates did."""
    ours = [row for row in _timed(result, measured.name) if row.group == "nerve"]
    found = [speed.tokens_per_second for row in ours if (speed := row.on(measured.name))]
    alone = [rate for row in ours if (rate := _alone(row, measured)) is not None]
    single = [one.p50 for row in ours for one in row.latency if one.texts == f"{measured.name}, sentence"]
    rows = (
        (
            *("tokens/s, the backend alone", f"~{estimate['tokens_per_second']:,.0f}"),
            figure(max(alone, default=None), ",.0f"),
        ),
        ("tokens/s, from text to entities", NONE, figure(max(found, default=None), ",.0f")),
        ("one sentence, ms", f"~{estimate['one_sentence_ms']:.2f}", figure(min(single, default=None), ".2f")),
    )
    return Table(
        (f"{measured.name}, {_GRAPH}", "estimate, not measured", "measured, the best candidate"), rows
    ).markdown()


def _about(result: Result, path: Path) -> str:
    gpus, versions = result.machine.get("gpu") or ["no GPU"], result.machine["versions"]
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if name.startswith(("onnx", "torch")))
    changed = " with changes" if result.machine["commit_changed"] else ""
    made = f"{result.made[:10]}, commit {result.machine['commit'][:12]}{changed}, {result.seconds / 60:.1f} minutes"
    lines = [
        f"{gpus[0]}; {result.machine['cpu']}, {result.threads} CPUs;",
        f"{told}. {made}.",
        f"Written by `{PROG}` from",
        f"[{path.name}]({(Path('..') / path).as_posix()}).",
    ]
    return "\n".join(lines)


def _steps(result: Result) -> Table:
    rows = tuple((one.name, one.status, f"{one.seconds:.0f}") for one in result.checks)
    # What a speed step found is in the tables, and what it did not find is not.
    told = [one for one in result.checks if one.status != "passed" or not one.name.endswith(": speed")]
    remarks = [
        (one.name, line) for one in told if one.status != "passed" or one.name == "certify" for line in one.lines
    ]
    return Table(("step", "status", "seconds"), rows, tuple(remarks))


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Write the tables of docs/gpu.md from the JSON of a GPU check.")
    parser.add_argument("result", type=Path, help="the JSON of python -m bench gpu-check")
    parser.add_argument("--docs", type=Path, default=Path("docs/gpu.md"), help="the page (%(default)s)")
    parser.add_argument("--estimates", type=Path, default=ESTIMATES, help="the JSON of estimates (%(default)s)")
    parser.add_argument("--check", action="store_true", help="write nothing, and say whether the page is up to date")
    return parser


if __name__ == "__main__":
    run(main, PROG)
