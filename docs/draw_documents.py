"""python docs/draw_documents.py: the picture of docs/documents.md, from what `python -m bench reading` wrote."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib as mpl

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "bench" / "results" / "minilm-conll2003-reading.json"
OUTPUT = Path(__file__).parent / "images" / "documents.svg"
# The ways that the picture is about; the page's table has all of them.
WAYS = ("sentences given", "sentences", "context of 64", "windows", "blingfire")
# A gray that can be read on white and on black.
_GRAY = "#808080"


def main() -> None:
    """Draw F1 by style of text, and write the file; the same bytes each time."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "nerve", "svg.fonttype": "path"})
    from matplotlib import pyplot as plt

    table = json.loads(RESULT.read_text(encoding="utf-8"))["table"]
    ways = [way for way in WAYS if way in next(iter(table.values()))]
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    for number, way in enumerate(ways):
        places = [style + (number - len(ways) / 2) * 0.16 for style in range(len(table))]
        axes.bar(places, [column[way]["f1"] for column in table.values()], width=0.15, align="edge", label=way)
    axes.set(xticks=range(len(table)), xticklabels=list(table), ylim=(0.75, 0.95))
    axes.set_ylabel("F1 of entities (axis from 0.75)", color=_GRAY, fontsize=8)
    axes.tick_params(colors=_GRAY)
    axes.legend(ncols=len(ways), fontsize=8, labelcolor=_GRAY, frameon=False, loc="upper center")
    for side in axes.spines.values():
        side.set_color(_GRAY)
    figure.savefig(OUTPUT, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
