"""The rows of the table that ends an export: what each candidate was measured to be, and whether it was kept.

The table on the screen and the report in the bundle have the same rows. What is measured, and how, is said elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from export.certify.outcomes import Outcome
from runtime.bundle.certificate import Candidate
from runtime.bundle.doubts import doubts
from runtime.bundle.store import Bundle, Manifest
from runtime.errors import NerveError
from runtime.screen.display import Table
from runtime.selection import PYTORCH, choose

HEADINGS = (
    *("in", "backend", "graph", "MACs\nin it"),
    *("changed in\n10,000, 95%", "F1", "times\nPyTorch", "kept,\nor why not"),
)
_BARRED = "failed on another text"
_RIGHT = frozenset({3, 4, 5, 6})


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate.

    Attributes:
        candidate: which.
        kept: whether the bundle has its certificate, and nothing that it failed on before.
        reason: why it is kept or left out, in about five words.
        is_default: whether the runtime takes it on this machine.
        macs: share of the multiply-accumulates in its precision, 0 to 1; None where nothing is attested.
        changed_per_10k, changed_per_10k_upper: labels changed in 10,000, and the 95% bound of that; None where nothing
            was measured.
        candidate_f1: entity F1 against gold, 0 to 1; None without gold labels.
        times_pytorch: its speed over that of the checkpoint in PyTorch; None where not both were measured.
    """

    candidate: Candidate
    kept: bool
    reason: str
    is_default: bool
    macs: float | None
    changed_per_10k: float | None
    changed_per_10k_upper: float | None
    candidate_f1: float | None
    times_pytorch: float | None


def rows_of(bundle: Bundle, outcomes: Sequence[Outcome]) -> tuple[Row, ...]:
    """The rows of a bundle, those that were kept and fast first.

    Args:
        bundle: with certificates, attestations and speeds.
        outcomes: what certifying came to; its certificates are those of the bundle.
    """
    # What spoke against its certificates when it was opened may have been settled since, or have come up.
    bundle = replace(bundle, doubts=doubts(bundle.manifest, limited=True))
    default = _default(bundle)
    barred = {one.candidate for one in bundle.manifest.failed}
    told = [
        replace(each, kept=False, reason=_BARRED) if each.kept and each.candidate in barred else each
        for each in outcomes
    ]
    rows = [_row(bundle, outcome, is_default=outcome.candidate == default) for outcome in told]
    return tuple(sorted(rows, key=lambda row: (not row.kept, -(row.times_pytorch or 0))))


def table_of(rows: Sequence[Row]) -> Table:
    """The rows as text."""
    cells = tuple(_cells(row) for row in rows)
    return Table(HEADINGS, cells, tuple("good" if row.kept else "faint" for row in rows), _RIGHT)


def share_in_precision(manifest: Manifest, candidate: Candidate) -> float | None:
    """Share of the MACs that are in the candidate's precision, as the backend or else the graph is attested."""
    for backend in (candidate.backend, ""):
        for one in manifest.attestations:
            if (one.file, one.backend, one.precision) == (candidate.file, backend, candidate.precision):
                return one.shares.get(candidate.precision, 0.0)
    return None


def _row(bundle: Bundle, outcome: Outcome, *, is_default: bool) -> Row:
    candidate = outcome.candidate
    speed, slowest = bundle.speed(candidate), bundle.speed(PYTORCH)
    return Row(
        candidate,
        outcome.kept,
        "kept, auto takes it" if is_default else outcome.reason,
        is_default,
        share_in_precision(bundle.manifest, candidate),
        outcome.figures.get("changed_per_10k"),
        outcome.figures.get("changed_per_10k_upper"),
        outcome.figures.get("candidate_f1"),
        speed / slowest if speed and slowest else None,
    )


def _default(bundle: Bundle) -> Candidate | None:
    try:
        return choose(bundle)
    except NerveError:  # nothing that is certified runs here: then nothing is taken
        return None


def _cells(row: Row) -> tuple[str, ...]:
    one = row.candidate
    on = one.backend if one.device == "cpu" else f"{one.backend} {one.device}"
    return (
        *(one.precision, on, PurePath(one.file).stem),
        _shown(None if row.macs is None else 100 * row.macs, ".0f", "%"),
        _changed(row),
        _shown(row.candidate_f1, ".4f"),
        _shown(row.times_pytorch, ".1f"),
        row.reason if row.kept else f"left out: {row.reason}",
    )


def _changed(row: Row) -> str:
    """Measured, and less than which it is with 95% confidence."""
    if row.changed_per_10k is None:
        return "-"
    return f"{row.changed_per_10k:.1f} < {_shown(row.changed_per_10k_upper, '.1f')}"


def _shown(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"
