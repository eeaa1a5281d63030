"""The score table of a run: one row an epoch, on the screen, in the model card and in scores.json.

Rows come from the Trainer's log, so that a resumed run has the rows of the epochs before. It knows nothing of torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

HEADINGS = ("training loss", "epoch", "step", "validation loss", "precision", "recall", "F1", "accuracy")


@dataclass(frozen=True, slots=True)
class Row:
    """One epoch.

    Attributes:
        training_loss: mean over the epoch's steps.
        epoch: from 1.
        step: optimizer steps done, from the run's beginning.
        validation_loss: mean cross-entropy of the words' first tokens.
        precision, recall, f1: of entities, exact span and type, 0 to 1.
        accuracy: share of words whose label is right, 0 to 1.
    """

    training_loss: float
    epoch: int
    step: int
    validation_loss: float
    precision: float
    recall: float
    f1: float
    accuracy: float

    def cells(self) -> tuple[str, ...]:
        """As the table shows it: counts whole, all else with four decimals."""
        return tuple(str(value) if isinstance(value, int) else f"{value:.4f}" for value in asdict(self).values())


def rows_of(log: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows that a Trainer's log holds.

    Args:
        log: TrainerState.log_history: "loss" entries, each the mean since the one before, and "eval_" entries, one an
            epoch.
    """
    rows: list[Row] = []
    losses: list[tuple[int, float]] = []
    before = 0
    for entry in log:
        step = int(entry["step"])
        if "loss" in entry:
            losses.append((step - before, float(entry["loss"])))
            before = step
        elif "eval_loss" in entry:
            # The Trainer logs means over the steps since the last log; a checkpoint within the epoch makes several.
            steps = sum(count for count, _ in losses)
            training = sum(count * loss for count, loss in losses) / steps
            scores = [float(entry[f"eval_{name}"]) for name in ("loss", "precision", "recall", "f1", "accuracy")]
            rows.append(Row(training, round(entry["epoch"]), step, *scores))
            losses = []
    return rows


def markdown(rows: Iterable[Row]) -> list[str]:
    """The lines of the table."""
    return [heading(), ruler(), *(line(row) for row in rows)]


def heading() -> str:
    """The line above all rows."""
    return "| " + " | ".join(HEADINGS) + " |"


def ruler() -> str:
    """The line under the heading: numbers are set flush right."""
    return "|" + "|".join("-" * (len(name) + 1) + ":" for name in HEADINGS) + "|"


def line(row: Row) -> str:
    """One row, its cells as wide as the headings."""
    return "| " + " | ".join(cell.rjust(len(name)) for cell, name in zip(row.cells(), HEADINGS, strict=True)) + " |"
