"""The score of a tagging run: answers against gold labels, as conlleval prints it, and what makes it say little.

The module does not know inputs or outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runtime.errors import UsageError
from runtime.text.label_schemes import LabelSet
from runtime.text.scores import Scorer, report


def open_scorer(labels: LabelSet, types: Mapping[str, str], saved: Mapping[str, Any]) -> Scorer:
    """A Scorer for a model's answers.

    Args:
        labels: the model's.
        types: gold type -> the model's type for it.
        saved: the counts of a run that was killed; empty for a new one.

    Raises:
        UsageError: the model does not have one of these types.
    """
    for gold, name in types.items():
        if name not in labels.types:
            problem = f"{gold}={name}, and there is no entity type {name!r} in this model"
            raise UsageError("--map", problem, f"choose among {', '.join(labels.types) or 'none: it has none'}")
    scorer = Scorer(labels, types=types)
    if saved:
        scorer.restore(saved)
    return scorer


def score_report(scorer: Scorer) -> str:
    """The score as conlleval prints it."""
    return report(scorer.table())


def score_advice(scorer: Scorer, labels: LabelSet) -> str:
    """What a reader of the score must know: gold types that this model can never find; "" where there are none."""
    table, unknown = scorer.table(), scorer.unknown_types()
    if not unknown:
        return ""
    count = sum(unknown.values())
    told = ", ".join(f"{name} ({number:,})" for name, number in list(unknown.items())[:8])
    which = f"{count:,} of {table.overall.gold:,} gold entities are"
    if count == table.overall.gold:
        which = "no gold entity is of a type that this model has, so that the score says nothing: they are"
    types = ", ".join(labels.types) or "no type"
    pair = next(((gold, name) for gold in unknown for name in labels.types if _alike(gold, name)), ("GOLD", "MODEL"))
    return f"{which} {told}, and the model has {types}; name types that are the same with --map {'='.join(pair)}"


def _alike(gold: str, name: str) -> bool:
    """Whether one name is the beginning of the other, as of PERSON and per."""
    one, other = gold.lower(), name.lower()
    return one.startswith(other) or other.startswith(one)
