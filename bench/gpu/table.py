"""The answers of bench.gpu as a table for people, Markdown. It measures nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Answers = Mapping[str, Mapping[str, Any]]
_HEAD = (
    *("model", "system", "tokens/s", "engine alone", "of matrix rate", "texts/s", "x pipeline"),
    *("p50 ms 64", "128", "512", "changed/10k"),
)


def table(answers: Answers) -> str:
    """Card and libraries, a row for every system that ran, and a line for everything that did not."""
    rows = [_HEAD, ("---",) * 2 + ("---:",) * (len(_HEAD) - 2)]
    for model in ("minilm", "bert-large"):
        rows += _rows(answers, model)
    lines = ["", *_about(answers), ""]
    if len(rows) > 2:
        lines += [f"| {' | '.join(row)} |" for row in rows] + [""]
    return "\n".join(lines + _said(answers) + _left_out(answers) + [f"FAILED: {name}" for name in failures(answers)])


def failures(answers: Answers) -> list[str]:
    """The parts that ran, and whose answer is no."""
    return [name for name in answers if _found(answers, name).get("failed")]


def _rows(answers: Answers, model: str) -> list[tuple[str, ...]]:
    ours = [name for name in answers if name.startswith((f"speed:{model}:", f"fp8:{model}"))]
    names = [f"torch:{model}", f"pipeline:{model}", *(name for name in ours if _found(answers, name).get("candidate"))]
    return [_row(answers, model, name) for name in names if _found(answers, name)]


def _row(answers: Answers, model: str, name: str) -> tuple[str, ...]:
    found = _found(answers, name)
    rate, limit = found.get("tokens_per_second"), _found(answers, "matrix").get("fp16")
    engine = found.get("engine_pieces_per_second", rate)
    share = engine * found["flops_per_token"] / limit if engine and limit else None
    texts, pipeline = found.get("texts_per_second"), _found(answers, f"pipeline:{model}").get("texts_per_second")
    latency = [found.get("latency_ms", {}).get(length, {}).get("p50") for length in ("64", "128", "512")]
    kinds = {"torch": "torch fp16 sdpa", "pipeline": "Hugging Face pipeline fp16"}
    return (
        model,
        found.get("candidate") or kinds[name.partition(":")[0]],
        _number(rate, ",.0f"),
        _number(engine, ",.0f"),
        _number(share, ".1%"),
        _number(texts, ",.0f"),
        _number(texts / pipeline if texts and pipeline else None, ".1f"),
        *(_number(each, ".2f") for each in latency),
        _number(_changed(answers, found.get("candidate", "")) if model == "minilm" else None, ".1f"),
    )


def _changed(answers: Answers, candidate: str) -> float | None:
    """From the candidate's certificate; its name is made as runtime.bundle.store.Candidate makes it."""
    for one in _found(answers, "certify").get("certificates", ()):
        if candidate == f"{one['file']} on {one['backend']} in {one['precision']}, {one['device']}":
            return float(one["measured"]["changed_per_10k"])
    return None


def _about(answers: Answers) -> list[str]:
    found = _found(answers, "environment")
    here, machine = found.get("gpu"), found.get("machine", {})
    lines = (
        [f"{here['name']} (compute capability {here['compute_capability']}, driver {here['driver']})"] if here else []
    )
    versions = ", ".join(f"{name} {version}" for name, version in machine.get("versions", {}).items())
    lines += [f"Python {machine.get('python', 'unknown')}, {versions}; PyTorch {found.get('torch_cuda', 'unknown')}"]
    if matrix := _found(answers, "matrix"):
        lines.append(f"matrix rate, fp16: {matrix['fp16'] / 1e12:.0f} T operations a second ({matrix['shape']})")
    return lines


def _said(answers: Answers) -> list[str]:
    """What the parts had to say in words."""
    lines = []
    for name in answers:
        found = _found(answers, name)
        lines += [f"{name}: {line}" for line in (*found.get("said", ()), *found.get("kernels", ()))]
        if "summary" in found:
            lines.append(f"{name}: {found['summary']}")
    return lines


def _left_out(answers: Answers) -> list[str]:
    lines = [f"missing: {line}" for line in _found(answers, "environment").get("missing", ())]
    groups: dict[str, list[str]] = {}
    for name, told in answers.items():
        if "missing" in told:
            groups.setdefault(str(told["missing"]), []).append(name)
    return lines + [f"missing: {', '.join(names)}: {reason}" for reason, names in groups.items()]


def _found(answers: Answers, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answers.get(name, {}).get("found", {})
    return found


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
