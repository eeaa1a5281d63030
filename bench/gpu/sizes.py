"""The two sizes of the GPU check: 4 and 9 minutes. Only data.

The plan of the shorter one, in seconds, on an H100 with 16 CPUs, for a checkpoint and corpus that are given. "Before"
was measured in a run whose time ended in MiniLM's throughput; "now" is **an estimate from it, not measured**:

| part                                     | before | now |
|------------------------------------------|-------:|----:|
| until bert-large's bundle is made        |    100 | 100 |
| bert-large: start and end of processes   |     14 |   6 |
| bert-large: systems opened               |     12 |  12 |
| bert-large: search                       |     11 |  15 |
| bert-large: throughput                   |     39 |  35 |
| bert-large: latency                      |     17 |   9 |
| MiniLM: start and end of processes       |      8 |   3 |
| MiniLM: systems opened, checkpoint asked |     20 |   9 |
| MiniLM: search                           |      7 |   0 |
| MiniLM: scores                           |      4 |   4 |
| MiniLM: throughput                       |      6 |  25 |
| MiniLM: latency                          |      - |   5 |
| all, of 235                              |    238 | 223 |
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bench.gpu.models import MINILM
from bench.plan import QUICK, Plan
from bench.workloads.bert_large import BERT_LARGE, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a GPU check does.

    Attributes:
        seconds: the longest time of the whole check.
        reserve: seconds that are kept for bert-large's speed: its bundle must be made before that.
        training: seconds of training MiniLM.
        certified: sentences that candidates are certified on.
        minilm, large: what is measured of each model; see bench.plan.
        fp32: whether candidates in fp32 are measured, too.
        minilm_shape, large_shape: shapes of the models; tests give smaller ones.
        thorough: whether TensorRT in fp8, what the CPU alone reaches, and the export command are part of it, and
            whether baselines search their setting on MiniLM, too, in place of taking bert-large's.
    """

    seconds: int
    reserve: int
    training: float
    certified: int
    minilm: Plan
    large: Plan
    fp32: bool
    thorough: bool
    minilm_shape: Shape = MINILM
    large_shape: Shape = BERT_LARGE


# Starting a process on a GPU takes seconds, so that cold starts and a load at several rates are left out.
_MINILM = replace(
    QUICK,
    # Many chunks of a Tagger, so that tokenizing, computing and decoding overlap as they do in long streams.
    sentences=8192,
    scored=1000,
    drawn_again=True,
    # Seven short rounds show more than three long ones: the interval for all comparisons is four times as narrow.
    rounds=7,
    least_rounds=3,
    run_seconds=0.15,
    longest_run=0.8,
    # Enough for each stream to capture its shapes, and for two runs after that.
    warm_ups=6,
    warm_up_seconds=6.0,
    cold_starts=0,
    search_texts=512,
    latency_words=(0, 100),
    latency_rounds=3,
    latency_calls=40,
    latency_seconds=0.35,
    rates=(),
)
FOUR = Size(
    seconds=235,
    reserve=80,
    training=8.0,
    certified=800,
    minilm=replace(_MINILM, sentences=4096, rounds=5, longest_run=0.5, latency_words=(0,)),
    # Some tenths of a second for Nerve, and a part for baselines: a batch of the pipeline takes a second.
    large=replace(_MINILM, sentences=4096, rounds=5, longest_run=0.6, latency_words=(0,)),
    fp32=False,
    thorough=False,
)
NINE = Size(
    seconds=530,
    reserve=240,
    training=25.0,
    certified=1500,
    minilm=replace(_MINILM, sentences=16384, scored=2000, longest_run=2.0, latency_words=(0, 50, 100, 350)),
    large=replace(_MINILM, longest_run=4.0, latency_words=(0, 50, 100, 350)),
    fp32=True,
    thorough=True,
)
SIZES = {4: FOUR, 9: NINE}
