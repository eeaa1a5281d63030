"""Tables and bars of a result: medians of rounds, and ratios within each."""

from __future__ import annotations

from typing import Any

import pytest

from bench.serve.tables import bars, full_table, short_table


def loop(per_second: float, p50: float, **more: float) -> dict[str, Any]:
    return {"per_second": per_second, "p50_ms": p50, "p99_ms": 4 * p50, "refused": 0, "client_us": 30.0, **more}


def server(*rates: float, p50: float = 3.0) -> dict[str, Any]:
    closed = [loop(rate, p50, connections=4**place) for place, rate in enumerate(rates)]
    return {"closed": closed, "open": [loop(rates[0], p50, rate=100.0)], "asked": 500, "answered": 500, "f1": 90.4}


def a_round(speed: float) -> dict[str, Any]:
    """Everything is that many times as fast as usual."""
    servers = {"nerve": server(300 * speed, 1500 * speed, 1400 * speed), "fastapi-pipeline": server(80 * speed, p50=12)}
    return {"tagger": {"texts_per_second": 2000 * speed, "single_p50_ms": 2.5}, "servers": servers}


def result(**more: Any) -> dict[str, Any]:
    rounds = [a_round(1.0), a_round(0.2), a_round(1.1)]
    return {"threads": 2, "texts": 2000, "rounds": rounds, "left_out": {"one-by-one": "it was not asked"}, **more}


OVERLOAD = {
    "sentences_a_request": 16,
    "most": loop(100, 40),
    "calm": loop(90, 50),
    "flood": loop(85, 90) | {"refused_p50_ms": 1.0, "refused_p99_ms": 4.0},
    "alone": loop(300, 3),
    "beside": loop(100, 6),
    "kept_rate": 0.85,
    "p99_ratio": 1.8,
    "fairness_ratio": 2.0,
}


def test_bars_are_ratios_within_rounds() -> None:
    found = {bar.name: (bar.found, bar.met) for bar in bars(result(overload=OVERLOAD))}
    assert found == {
        "requests/s at most, of Tagger.tag's texts/s": ("75%", True),
        "p50 at 1 connection, beyond Tagger's": ("0.50 ms", True),
        "requests/s at most, of fastapi-pipeline's": ("18.8x", True),
        "at 10 times the rate: refusals (p99)": ("4.0 ms", True),
        "at 10 times the rate: of the full rate": ("85%", False),
        "at 10 times the rate: p99 of answers, of that at 90%": ("1.8x", True),
        "p99 of single sentences beside 10,000, of alone": ("2.0x", True),
    }
    assert bars({"rounds": [{"tagger": {}, "servers": {"fastapi-pipeline": server(80)}}]}) == []


def test_all_loops_of_all_servers_are_shown() -> None:
    table = full_table(result(overload=OVERLOAD))
    assert "| nerve | 4 connections | 1,500 | 3.00 | 12.00 | 0 | 30 | 0.9040 |" in table
    assert "| fastapi-pipeline | 100/s arrive | 80 | 12.00 | 48.00 | 0 | 30 | 0.9040 |" in table
    assert "| at 10 times the rate: of the full rate | 90% | 85% | no |" in table
    assert "one-by-one left out: it was not asked." in table
    assert "sentences a request, 2.0 times as long as alone" in table


def test_the_short_table_has_a_row_a_server() -> None:
    head, _, *rows = short_table(result()).splitlines()
    assert "p99 ms, 16 connections" in head
    assert rows == [
        "| **Nerve** | 1,500 | 4 | 3.00 | 12 | 0.9040 |",
        "| Hugging Face pipeline behind FastAPI | 80 | 1 | 12.00 | 48 | 0.9040 |",
        "",
        "F1 is that of the first 500 sentences.",
    ]


@pytest.mark.parametrize("answered", [361, 500])
def test_f1_of_different_sentences_is_not_compared(answered: int) -> None:
    """Where one server answered fewer than another; or each as many, but not all that were asked."""
    found = result()
    for server in found["rounds"][0]["servers"].values():
        server["asked"] = 600
    found["rounds"][0]["servers"]["fastapi-pipeline"]["answered"] = answered
    table = short_table(found)
    assert "| **Nerve** | 1,500 | 4 | 3.00 | 12 | - |" in table
    assert "F1 is not shown" in table
    assert "| nerve | 4 connections | 1,500 | 3.00 | 12.00 | 0 | 30 | - |" in full_table(found)


def test_servers_on_cpus_of_their_own_have_bars_of_their_own() -> None:
    split = {"threads": 1, "rounds": [a_round(0.5) | {"tagger": {"texts_per_second": 900, "single_p50_ms": 2.0}}]}
    found = {bar.name: bar.found for bar in bars(result(split=split))}
    assert found["requests/s at most, of Tagger.tag's texts/s; client elsewhere"] == "83%"
    assert found["requests/s at most, of Tagger.tag's texts/s"] == "75%"
    assert "Threads: 1. Tagger.tag: 900 texts/s" in full_table(result(split=split))
