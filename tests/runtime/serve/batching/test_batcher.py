"""Batches of many callers: answers that do not depend on company, fairness, and faults that stay where they are."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime import Tagger, Windowing
from runtime.aligned import align_of
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import TOKENIZER, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.serve.batching.batcher import Batcher, BatchReport, OverloadedError
from runtime.serve.batching.call import Call
from runtime.serve.batching.reading import ENTITIES, Reading, reading_of
from runtime.serve.batching.stages import TaggingStages
from tests.nasty import varied_sentences
from tests.runtime.serve.slow_backend import BROKEN, Slow, stages_on

READINGS = (
    ENTITIES,
    reading_of(constrained=True),
    reading_of(aggregation="simple"),
    reading_of(aggregation="average"),
    reading_of(read="windows", stride=3),
)


class Asking:
    """A batcher and a way to wait for its answers."""

    def __init__(self, stages: TaggingStages, **options: Any) -> None:
        self.batcher = Batcher(stages, batch=512, on_done=self._done, **options)

    def offer(self, questions: Sequence[Any], reading: Reading = ENTITIES, deadline: float = float("inf")) -> Call:
        sizes = self.batcher.sizes(questions)
        call = Call(questions, sizes, reading, deadline=deadline, waiter=threading.Event())
        self.batcher.offer(call)
        return call

    def answers(self, call: Call) -> list[Any]:
        assert call.waiter.wait(60)
        if call.error:
            raise call.error
        return call.answers

    def _done(self, calls: Sequence[Call]) -> None:
        for call in calls:
            call.waiter.set()


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Asking, Slow]]:
    backend = Slow(5000)
    asking = Asking(stages_on(backend, tmp_path / "bundle"), most_queued=1_000_000)
    yield asking, backend
    asking.batcher.close()


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_an_answer_does_not_depend_on_what_shared_its_batch(tiny_bundle: Path, backend: str) -> None:
    bundle = open_bundle(tiny_bundle)
    with Tagger.open(bundle, candidate=Wanted(backend=backend)) as tagger:
        stages = TaggingStages(
            Encoder(bundle.file(TOKENIZER)),
            bundle.manifest.labels,
            tagger.backend,
            max_length=bundle.manifest.max_length,
            align=align_of(bundle.manifest.certificates[0].candidate) if backend == "onnxruntime" else 16,
        )
        asking = Asking(stages, most_queued=1_000_000)
        texts = [" ".join(sentence) for sentence in varied_sentences(60, seed=1)]
        for reading in READINGS:
            alone = [asking.answers(asking.offer([text], reading))[0] for text in texts]
            shuffled = random.Random(3).sample(range(len(texts)), len(texts))
            calls = [asking.offer([texts[place] for place in part], reading) for part in _parts(shuffled)]
            together = list(itertools.chain.from_iterable(map(asking.answers, calls)))
            # Bit for bit, scores included.
            assert together == [alone[place] for place in shuffled]
        asking.batcher.close()


def _parts(places: list[int]) -> Iterator[list[int]]:
    chance = random.Random(5)
    while places:
        count = chance.randint(1, 9)
        yield places[:count]
        places = places[count:]


def test_answers_are_the_taggers(tiny_bundle: Path) -> None:
    texts = [" ".join(sentence) for sentence in varied_sentences(40, seed=2)]
    by_sentence = Windowing(policy="sentences")  # the stages' own default; the bundle's is whatever was measured
    with Tagger.open(tiny_bundle, candidate=Wanted(backend="onnxruntime"), windowing=by_sentence) as tagger:
        expected = tagger.tag(texts)
        bundle = open_bundle(tiny_bundle)
        encoder = Encoder(bundle.file(TOKENIZER))
        stages = TaggingStages(encoder, bundle.manifest.labels, tagger.backend, max_length=bundle.manifest.max_length)
        asking = Asking(stages)
        found = asking.answers(asking.offer(texts))
        asking.batcher.close()
    assert [[(e.label, e.start, e.end) for e in each] for each in found] == [
        [(e.label, e.start, e.end) for e in each] for each in expected
    ]


def test_a_request_on_an_idle_server_starts_at_once(slow: tuple[Asking, Slow]) -> None:
    asking, _ = slow
    begun = time.perf_counter()
    asking.answers(asking.offer(["Paris"]))
    assert time.perf_counter() - begun < 0.1


def test_what_gathers_while_batches_run_shares_the_next(slow: tuple[Asking, Slow]) -> None:
    asking, backend = slow
    calls = [asking.offer(["Paris in the rain"]) for _ in range(200)]
    assert all(asking.answers(call)[0][0].text == "Paris" for call in calls)
    assert len(backend.batches) < 40


def test_a_single_sentence_is_not_held_up_by_ten_thousand(slow: tuple[Asking, Slow]) -> None:
    asking, _ = slow
    sentence = ["Angela Merkel visited Paris in the rain and went on"]

    def p99(count: int) -> float:
        seconds = []
        for _ in range(count):
            begun = time.perf_counter()
            asking.answers(asking.offer(sentence))
            seconds.append(time.perf_counter() - begun)
            time.sleep(0.005)
        return float(np.quantile(seconds, 0.99))

    p99(20)
    alone = p99(60)
    bulk = asking.offer(sentence * 10_000)
    p99(3)  # a small call has to come for the large one to be cut finely
    beside = p99(60)
    assert not bulk.waiter.is_set()
    bulk.drop("client_gone")
    # A quantum of the large call takes 25 ms on this stand-in, the sentence itself 5; a batch of 512 tokens took 200.
    assert beside < alone + 0.06


def _tried(asking: Asking, questions: Sequence[str] = ("word " * 50,)) -> bool:
    try:
        asking.offer(questions)
    except OverloadedError as refused:
        return refused.seconds <= 0
    return True


def test_a_full_queue_refuses(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(100), tmp_path / "bundle"), most_queued=100)
    outcomes = [_tried(asking) for _ in range(100)]
    taken = outcomes.index(False)
    assert 1 <= taken <= 12
    assert sum(outcomes) <= taken + 2
    asking.batcher.close(0.1)


def test_what_is_tokenized_ahead_still_stands_before_a_newcomer(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(40), tmp_path / "bundle"), most_queued=600)
    for _ in range(2):
        assert _tried(asking, ["word " * 40])  # one for each stream
        time.sleep(0.1)
    assert asking.batcher.queued == 0
    outcomes = [_tried(asking, ["word " * 40]) for _ in range(40)]
    time.sleep(0.1)
    # Of 52 tokens each, by the estimate. Ten of them were taken as soon as they were there, and still count.
    assert outcomes == [True] * 12 + [False] * 28
    assert asking.batcher.queued == 12 * 52
    asking.batcher.close(0.1)


def test_a_fault_is_the_answer_of_its_batch_alone(tmp_path: Path) -> None:
    faults: list[BaseException] = []
    asking = Asking(stages_on(Slow(1e6), tmp_path / "bundle"), on_fault=faults.append)
    with pytest.raises(RuntimeError, match="fell off the bus"):
        asking.answers(asking.offer(["broken"]))
    assert len(faults) == 1
    assert asking.answers(asking.offer(["Paris"]))[0][0].label == "LOC"
    asking.batcher.close()


def test_what_is_too_late_never_reaches_the_backend(slow: tuple[Asking, Slow]) -> None:
    asking, backend = slow
    for _ in range(20):
        asking.offer(["word " * 100])
    late = asking.offer(["broken"], deadline=time.monotonic() - 1)
    asking.answers(asking.offer(["Paris"]))
    assert late.dropped == "deadline"
    assert not any((ids == BROKEN).any() for ids in backend.batches)


def test_words_and_probabilities(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(1e6), tmp_path / "bundle"))
    labels = asking.answers(asking.offer([["Paris", "is"], []], reading_of(kind="labels")))
    assert labels == [["B-LOC", "O"], []]
    (answer,) = asking.answers(asking.offer(["Paris is"], reading_of(kind="probabilities", aggregation="none")))
    assert answer.values.shape == (2, 5)
    asking.batcher.close()


def test_closing_fails_what_waits(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(200), tmp_path / "bundle"))
    calls = [asking.offer(["word " * 60]) for _ in range(12)]
    assert asking.batcher.close()
    outcomes = [call.error for call in calls if call.waiter.wait(5)]
    assert len(outcomes) == 12
    assert any(isinstance(error, OverloadedError) for error in outcomes)
    with pytest.raises(OverloadedError):
        asking.offer(["Paris"])


def test_a_stream_that_ended_a_batch_lets_the_next_one_gather_while_others_run(tmp_path: Path) -> None:
    reports: list[BatchReport] = []
    asking = Asking(stages_on(Slow(100), tmp_path / "bundle"), on_batch=reports.append)
    first = asking.offer(["word " * 50])  # a second on one stream, a quarter of which is let pass
    time.sleep(0.3)
    other = asking.offer(["word " * 50])  # runs on when that one has ended
    asking.answers(first)
    together = [asking.offer(["Paris"]) for _ in range(4)]
    for call in together:
        asking.answers(call)
    assert [report.calls for report in reports if report.tokens < 10] == [4]
    asking.answers(other)
    asking.batcher.close()


def test_nothing_gathers_where_no_other_stream_runs(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(100), tmp_path / "bundle"))
    asking.answers(asking.offer(["word " * 60]))  # 1.2 seconds, of which a quarter would be let pass
    begun = time.monotonic()
    asking.answers(asking.offer(["Paris"]))  # 0.06 seconds
    assert time.monotonic() - begun < 0.25
    asking.batcher.close()


def test_a_large_call_is_refused_for_the_large_ones_before_it_and_a_small_one_is_not(tmp_path: Path) -> None:
    asking = Asking(stages_on(Slow(200), tmp_path / "bundle"))
    large = [_tried(asking, ["word " * 50] * 40) for _ in range(6)]  # 2,100 tokens each; there is room for 1,024
    assert large[0]
    assert not large[-1]
    assert asking.batcher.refusal(20) is None
    assert _tried(asking)
    # What stands before it is not much to a call that is itself much larger.
    assert _tried(asking, ["word " * 50] * 400)
    asking.batcher.close(0.1)
