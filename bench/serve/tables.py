"""The JSON of `python -m bench serve` as Markdown: all loops, a short table, and whether the bars are met.

Figures are medians of the rounds; ratios are medians of each round's own ratio, so that a slow minute meets both sides.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.report.tables import NONE
from bench.serve.overload import overload_lines

NERVE, PIPELINE, TRITON = "nerve", "fastapi-pipeline", "triton-python-onnxruntime"
# What the server is to reach on two CPUs.
_OF_TAGGER, _OVER_TAGGER_MS, _OF_PIPELINE, _OF_TRITON = 0.70, 0.6, 4.0, 1.5
Rounds = list[dict[str, Any]]
# What a reader of the short table knows them by.
_TITLES = {
    NERVE: "**Nerve**",
    PIPELINE: "Hugging Face pipeline behind FastAPI",
    "one-by-one": "PyTorch, one request after the other",
    TRITON: "Triton, Python backend, ONNX Runtime in fp32",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """What is to be reached, what was, and whether that is enough."""

    name: str
    wanted: str
    found: str
    met: bool


def full_table(result: Mapping[str, Any]) -> str:
    """All loops of all servers, the bars, and the overload."""
    lines = [f"{result['texts']:,} sentences, one text a request. Server and client share all CPUs:", ""]
    lines += _setting(result)
    if split := result.get("split"):
        lines += ["", "Servers and the Tagger have half of the CPUs, the client has the others:", "", *_setting(split)]
    lines += ["", "| bar | wanted | found | met |", "|---|---|---|---|"]
    lines += [f"| {bar.name} | {bar.wanted} | {bar.found} | {'yes' if bar.met else 'no'} |" for bar in bars(result)]
    if "overload" in result:
        lines += ["", *overload_lines(result["overload"])]
    lines += [f"\n{name} left out: {why}." for name, why in result["left_out"].items()]
    return "\n".join(lines) + "\n"


def _setting(found: Mapping[str, Any]) -> list[str]:
    """The Tagger's figures in one setting, and a row for each loop of each server."""
    rounds: Rounds = found["rounds"]
    tagger = _median(rounds, lambda each: each["tagger"]["texts_per_second"])
    single = _median(rounds, lambda each: each["tagger"]["single_p50_ms"])
    lines = [
        f"Threads: {found['threads']}. Tagger.tag: {tagger:,.0f} texts/s; one text at a time: {single:.2f} ms (p50)."
        f" Medians of rounds: {len(rounds)}.",
        "",
        "| server | loop | requests/s | p50 ms | p99 ms | refused | client us a request | F1 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in rounds[0]["servers"]:
        lines += _loops(rounds, name)
    return [*lines, "", _scored(rounds)]


def short_table(result: Mapping[str, Any]) -> str:
    """One row a server: what it answers at most, and how soon."""
    rounds: Rounds = result["rounds"]
    many = max(each["connections"] for server in rounds[0]["servers"].values() for each in server["closed"])
    head = [
        "server",
        "requests/s at most",
        "connections then",
        "p50 ms, 1 connection",
        f"p99 ms, {many} connections",
        "F1",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, first in rounds[0]["servers"].items():
        last = len(first["closed"]) - 1
        most = _median(rounds, lambda each, name=name: _most(each["servers"][name]))
        p50 = _median(rounds, lambda each, name=name: each["servers"][name]["closed"][0]["p50_ms"])
        p99 = _median(rounds, lambda each, name=name, last=last: each["servers"][name]["closed"][last]["p99_ms"])
        cells = f"{most:,.0f} | {_saturated(rounds, name)} | {p50:.2f} | {p99:.0f} | {_f1(rounds, name)}"
        lines.append(f"| {_TITLES.get(name, name)} | {cells} |")
    return "\n".join([*lines, "", _scored(rounds)]) + "\n"


def bars(result: Mapping[str, Any]) -> list[Bar]:
    """The bars that this result can speak of."""
    if NERVE not in result["rounds"][0]["servers"]:
        return []
    made = _bars_of(result["rounds"])
    if split := result.get("split"):
        made += [replace(bar, name=f"{bar.name}; client elsewhere") for bar in _bars_of(split["rounds"])]
    return [*made, *_overload_bars(result.get("overload"))]


def _bars_of(rounds: Rounds) -> list[Bar]:
    """The bars of one setting."""
    share = _median(rounds, lambda each: _most(each["servers"][NERVE]) / each["tagger"]["texts_per_second"])
    over = _median(rounds, _over_tagger)
    made = [
        Bar("requests/s at most, of Tagger.tag's texts/s", f"{_OF_TAGGER:.0%}", f"{share:.0%}", share >= _OF_TAGGER),
        Bar("p50 at 1 connection, beyond Tagger's", f"{_OVER_TAGGER_MS} ms", f"{over:.2f} ms", over <= _OVER_TAGGER_MS),
    ]
    for other, wanted in ((PIPELINE, _OF_PIPELINE), (TRITON, _OF_TRITON)):
        if other in rounds[0]["servers"]:
            times = _median(
                rounds, lambda each, other=other: _most(each["servers"][NERVE]) / _most(each["servers"][other])
            )
            made.append(Bar(f"requests/s at most, of {other}'s", f"{wanted}x", f"{times:.1f}x", times >= wanted))
    return made


def _overload_bars(found: Mapping[str, Any] | None) -> list[Bar]:
    if not found:
        return []
    refused, p99, fair = found["flood"]["refused_p99_ms"], found["p99_ratio"], found["fairness_ratio"]
    return [
        Bar("at 10 times the rate: refusals (p99)", "10 ms", f"{refused:.1f} ms", refused < 10),
        Bar("at 10 times the rate: of the full rate", "90%", f"{found['kept_rate']:.0%}", found["kept_rate"] >= 0.9),
        Bar("at 10 times the rate: p99 of answers, of that at 90%", "2x", f"{p99:.1f}x", p99 <= 2),
        Bar("p99 of single sentences beside 10,000, of alone", "3x", f"{fair:.1f}x", fair <= 3),
    ]


def _over_tagger(each: dict[str, Any]) -> float:
    alone: float = each["servers"][NERVE]["closed"][0]["p50_ms"]
    return alone - float(each["tagger"]["single_p50_ms"])


def _loops(rounds: Rounds, name: str) -> list[str]:
    """A row for each loop of that server."""
    lines = []
    for kind in ("closed", "open"):
        for place, first in enumerate(rounds[0]["servers"][name][kind]):
            loop = f"{first['connections']} connections" if kind == "closed" else f"{first['rate']:,.0f}/s arrive"
            found = [each["servers"][name][kind][place] for each in rounds]
            keys = ("per_second", "p50_ms", "p99_ms", "client_us")
            rate, p50, p99, client = (statistics.median(one[key] for one in found) for key in keys)
            cells = f"{rate:,.0f} | {p50:.2f} | {p99:.2f} | {sum(one['refused'] for one in found)} | {client:.0f}"
            lines.append(f"| {name} | {loop} | {cells} | {_f1(rounds, name)} |")
    return lines


def _f1(rounds: Rounds, name: str) -> str:
    """Entity F1 of that server, where all servers were scored on the same texts."""
    if math.isnan(_answered(rounds)):
        return NONE
    return f"{_median(rounds, lambda each: each['servers'][name]['f1']) / 100:.4f}"


def _scored(rounds: Rounds) -> str:
    """What the column of F1 is of."""
    answered = _answered(rounds)
    if math.isnan(answered):
        return "F1 is not shown, for the servers did not answer the same sentences."
    return f"F1 is that of the first {answered:,.0f} sentences."


def _answered(rounds: Rounds) -> float:
    """How many texts each server was scored on; NaN where they were not the same for all.

    Results of before 27 November 2026 do not say how many were asked: each server had answered what it got to.
    """
    servers = [server for each in rounds for server in each["servers"].values()]
    found = {server["answered"] for server in servers}
    is_whole = all(server.get("asked") == server["answered"] for server in servers)
    return float(found.pop()) if len(found) == 1 and is_whole else math.nan


def _most(server: Mapping[str, Any]) -> float:
    """Requests a second at saturation: of the closed loop that had most."""
    return max(float(each["per_second"]) for each in server["closed"])


def _saturated(rounds: Rounds, name: str) -> int:
    """Connections of the closed loop in which that server answered most."""
    loops = rounds[0]["servers"][name]["closed"]
    rates = [
        _median(rounds, lambda each, place=place: each["servers"][name]["closed"][place]["per_second"])
        for place in range(len(loops))
    ]
    return int(loops[rates.index(max(rates))]["connections"])


def _median(rounds: Rounds, figure: Callable[..., float]) -> float:
    return statistics.median(figure(each) for each in rounds)
