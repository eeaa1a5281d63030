"""How many texts are worked on at a time, so that a backend never waits for texts. It knows nothing of what they are.

A backend on the CPU computes on all of its cores. A second worker tokenizes and decodes what its threads leave, and
more of them would only take cores from it. A GPU leaves the CPU free, and needs more: a batch for each stream while
other texts are tokenized, and chunks that fill several of its large batches, since a batch that is not full costs about
as much as one that is. Python itself runs on one core whatever the workers are, so many of them gain nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.batch.batches import Packing

# Workers on a GPU besides one for each stream: one tokenizes, and one decodes.
_BESIDE = 2
# Token slots of a GPU's batch for which chunks stay as they are: 512 sentences of news, of 24 tokens, fill six.
_SLOTS = 2048


@dataclass(frozen=True, slots=True)
class Flow:
    """See the module.

    Attributes:
        workers: chunks that are worked on at the same time.
        growth: how many times as many texts as the first chunk the later ones have. The first is small, so that the
            backend begins early.
    """

    workers: int
    growth: int


def flow_of(packing: Packing, *, streams: int, on_gpu: bool) -> Flow:
    """The Flow that suits a backend.

    Args:
        packing: the backend's.
        streams: number of batches that it runs at the same time.
        on_gpu: whether it leaves the CPU free.
    """
    return Flow(streams + _BESIDE, max(1, packing.slots // _SLOTS)) if on_gpu else Flow(2, 1)
