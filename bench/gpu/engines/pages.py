"""Tables of docs/gpu.md, written from the JSON of bench.gpu.engines. Pure: text in, text out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_HEADS = {
    "engines": (
        "model | graph | kernels a run | casts in them | kernels that only move | fused attention | MACs | profiles | "
        "plan MB | scratch MB"
    ),
    "estimates": "model | graph | GPU | tokens/s | sentences/s | one sentence, ms",
}


def written_into(page: str, result: Mapping[str, Any]) -> str:
    """The page with each table between its marks, <!-- NAME --> and <!-- /NAME -->, written anew.

    Raises:
        KeyError: a mark stands for no table.
    """
    rows = {"engines": _engine_rows(result["engines"]), "estimates": _estimate_rows(result)}

    def table(found: re.Match[str]) -> str:
        name = found[1]
        head = _HEADS[name]
        rule = "|".join(["---"] * (head.count("|") + 1))
        body = "\n".join([f"| {head} |", f"|{rule}|", *rows[name]])
        return f"<!-- {name} -->\n{body}\n<!-- /{name} -->"

    return re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->", table, page, flags=re.DOTALL)


def _engine_rows(engines: Sequence[Mapping[str, Any]]) -> list[str]:
    made = []
    for entry in engines:
        facts = entry["facts"]
        shares = ", ".join(f"{share:.1%} {name}" for name, share in facts["shares"].items())
        fused = f"{facts['fused_attention']} of {facts['attention']}"
        counts = f"{facts['kernels']} | {facts['casts']} | {facts['moves']} | {fused}"
        sizes = f"{facts['profiles']} | {facts['plan_bytes'] / 1e6:.0f} | {facts['scratch_bytes'] / 1e6:.0f}"
        made.append(f"| {entry['model']} | {facts['graph']} | {counts} | {shares} | {sizes} |")
    return made


def _estimate_rows(result: Mapping[str, Any]) -> list[str]:
    return [
        f"| {entry['model']} | {entry['facts']['graph']} | {gpu} | ~{found['tokens_per_second']:,.0f} | "
        f"~{found['sentences_per_second']:,.0f} | ~{found['one_sentence_ms']:.2f} |"
        for entry in result["engines"]
        for gpu, found in entry["estimates"].items()
    ]
