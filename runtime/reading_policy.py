"""Which reading policy a tagger has: the user's, else what export measured for the bundle, else the decoding's own."""

from __future__ import annotations

from runtime.batch.windowing import Windowing
from runtime.bundle.manifest import Manifest
from runtime.decode.options import Decoding
from runtime.errors import UsageError


def as_measured(windowing: Windowing, decoding: Decoding, manifest: Manifest) -> Windowing:
    """The windowing with the policy that export found the best for the bundle, unless it says another."""
    best = manifest.default_reading
    if best is None or decoding.aggregation != "word":
        return windowing
    return windowing.settled(best.policy, context=best.context)


def settled(windowing: Windowing, decoding: Decoding) -> Windowing:
    """The windowing with the policy by which texts are cut.

    Raises:
        UsageError: the decoding reads them otherwise.
    """
    by_word = decoding.aggregation == "word"
    chosen = windowing.settled("sentences" if by_word else "windows")
    # The pipeline's strategies are about tokens of a whole text: sentences would change what they are compared with.
    if not by_word and chosen.policy != "windows":
        problem = f"{chosen.policy}, and aggregation {decoding.aggregation!r} reads texts whole, as the pipeline does"
        raise UsageError("reading", problem, "leave one of the two out")
    return chosen
