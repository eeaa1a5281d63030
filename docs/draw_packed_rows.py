"""python docs/draw_packed_rows.py: the picture of packed rows in docs/how-it-works.md, drawn by the code that packs."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from runtime.batch.bin_packing import fit

# Tokens of sixteen sentences, special tokens included: news has mostly short ones, and now and then a long one.
LENGTHS = (9, 27, 14, 41, 6, 19, 23, 11, 33, 8, 17, 12, 5, 20, 7, 4)
ROW = 64
OUTPUT = Path(__file__).parent / "images" / "packed-rows.svg"
# One color for the eye to rest on, light and dark in turn: the picture is about borders, and fits both themes.
_FILLS = ("#4c78a8", "#9ecae9")


def main() -> None:
    """Draw the rows, and write the file; the same bytes each time."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "nerve", "svg.fonttype": "path"})
    from matplotlib import pyplot as plt

    rows = fit(np.array(LENGTHS), shortest=ROW)
    figure, axes = plt.subplots(figsize=(8, 2.2), layout="constrained")
    for row in range(len(rows.length)):
        for place, sentence in enumerate(rows.within(np.array([row])).tolist()):
            start, length = int(rows.column[sentence]), LENGTHS[sentence]
            axes.barh(row, length, left=start, height=0.8, color=_FILLS[place % 2], edgecolor="#808080")
            axes.text(start + length / 2, row, str(length), ha="center", va="center", fontsize=8)
        axes.barh(row, ROW, height=0.8, fill=False, edgecolor="#808080")
    axes.set(xlim=(-0.5, ROW + 0.5), yticks=[], xticks=range(0, ROW + 1, 16))
    axes.set_xlabel(
        f"{sum(LENGTHS)} tokens of {len(LENGTHS)} sentences in {len(rows.length)} rows of {ROW} token slots"
    )
    axes.invert_yaxis()
    # A gray that can be read on white and on black.
    axes.tick_params(colors="#808080")
    axes.xaxis.label.set_color("#808080")
    for side in axes.spines.values():
        side.set_visible(False)
    figure.savefig(OUTPUT, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
