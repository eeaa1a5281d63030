"""What docs/integrations.md says is written from a result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.report.marks import source_of
from bench.report.tables import Table

MARKS = "<!-- bench-integrations:begin -->", "<!-- bench-integrations:end -->"


def block(result: Mapping[str, Any], path: Path) -> str:
    """Return what stands between the marks.

    Args:
        result: of bench.integrations.
        path: of its JSON, as the page links to it.
    """
    machine = result["machine"]
    caption = (
        f"{machine['cpu']}, {result['threads']} threads; checkpoint {result['checkpoint']}; "
        f"{source_of(machine, 'python -m bench integrations', path)}"
    )
    parts = [_comparisons(result["comparisons"]).markdown()] if result["comparisons"] else []
    parts += [_jobs(result["ray"]).markdown()] if result["ray"] else []
    return "\n\n".join([*parts, caption]) + "\n"


def _comparisons(rows: Sequence[Mapping[str, Any]]) -> Table:
    header = ("same calling code", "texts/s", "with Nerve, texts/s", "times", "entities", "with Nerve")
    return Table(
        header,
        tuple(
            (
                row["theirs"],
                *(f"{row['texts_per_second'][side]:,.0f}" for side in ("theirs", "ours")),
                f"{row['times_as_fast']:.1f}",
                *(f"{row['entities'][side]:,}" for side in ("theirs", "ours")),
            )
            for row in rows
        ),
    )


def _jobs(rows: Sequence[Mapping[str, Any]]) -> Table:
    header = ("job", "documents/s", "of the plain command's", "seconds to start")
    return Table(
        header,
        tuple(
            (
                row["name"],
                f"{row['documents_per_second']:,.0f}",
                f"{100 * row['share_of_plain']:.0f}%",
                f"{row['start_seconds']:.1f}" if row["start_seconds"] else "-",
            )
            for row in rows
        ),
    )
