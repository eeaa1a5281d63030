"""BatchReport: what a batch was, for whoever counts."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.serve.batching.call import Times


@dataclass(frozen=True, slots=True)
class BatchReport:
    """See the module.

    Attributes:
        tokens: that it held.
        room: tokens that a full one holds.
        calls: that it held pieces of.
        times: seconds in each stage.
    """

    tokens: int
    room: int
    calls: int
    times: Times
