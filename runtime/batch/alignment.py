"""Alignment: which columns windows begin at, and how long rows are, so that a CPU adds alike in any company.

A CPU's vector units add in groups of token slots. Where a window begins, and where its row ends, decides which of its
tokens share a group, and with that the last bits of a sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Token slots that a vector unit takes at once, at most. With rows of any 8 token slots, 14 of 932 int8 answers of
# OpenVINO changed with their company; with rows of 16, none of 2,401.
LANES = 16


def row_align(align: int) -> int:
    """What row lengths are multiples of, where windows begin at multiples of `align`; see Packing.align."""
    return 1 if align == 1 else max(align, LANES)


def aligned(size: NDArray[np.int64], align: int) -> NDArray[np.int64]:
    """The next multiple of `align` for each size. [windows]"""
    return size if align == 1 else -(-size // align) * align
