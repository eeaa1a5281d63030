"""python -m bench.serve.tagger BUNDLE THREADS: what a Tagger does with the texts that servers are asked about.

In a process of its own, which may be kept to some CPUs. Texts come on standard input as JSON, figures go to standard
output.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from runtime import Tagger


def main(bundle: str, threads: str) -> None:
    """Texts a second of Tagger.tag, and the median of each text at a time, in milliseconds."""
    texts: list[str] = json.load(sys.stdin)
    with Tagger.open(bundle, threads=int(threads)) as tagger:
        tagger.tag(texts)
        begun = time.perf_counter()
        tagger.tag(texts)
        rate = len(texts) / (time.perf_counter() - begun)
        seconds: list[float] = []
        for text in texts:  # all of them, as servers are asked: the first ones are shorter
            begun = time.perf_counter()
            tagger.tag([text])
            seconds.append(time.perf_counter() - begun)
    json.dump({"texts_per_second": rate, "single_p50_ms": 1000 * statistics.median(seconds)}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
