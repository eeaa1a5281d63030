"""Batches of many callers: answers that do not depend on company, fairness, and faults that stay where they are."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from runtime import Tagger, Windowing
from runtime.aligned import align_of
from runtime.bundle.certificate import Wanted
from runtime.bundle.store import TOKENIZER, Layout, open_bundle
from runtime.encode.tokenizer import Encoder
from runtime.serve.batching.batch_report import BatchReport
from runtime.serve.batching.batcher import Batcher, OverloadedError
from runtime.serve.batching.call import Call
from runtime.serve.batching.reading import ENTITIES, Reading, reading_of
from runtime.serve.batching.stages import TaggingStages
from tests.nasty import varied_sentences
from tests.runtime.serve.slow_backend import BROKEN, PARIS, Slow, stages_on
from tests.waiting import PATIENCE, wait_until

READINGS = (
    ENTITIES,
    reading_of(constrained=True),
    reading_of(aggregation="simple"),
    reading_of(aggregation="average"),
    reading_of(read="windows", stride=3),
)


class Held(Slow):
    """A backend of two streams that takes no time, and ends no batch before it is released."""

    def __init__(self, layout: Layout = "padded") -> None:
        self._let_go = threading.Semaphore(0)
        super().__init__(1e6, on_batch=lambda: self._let_go.acquire(timeout=PATIENCE))
        self.layout = layout

    def wait_for(self, count: int) -> None:
        """Wait until so many batches have begun."""
        wait_until(lambda: len(self.batches) >= count)

    def release(self, count: int = 1_000_000) -> None:
        """Let so many batches end, those to come as well."""
        self._let_go.release(count)


class Asking:
    """A batcher and a way to wait for its answers."""

    def __init__(self, stages: TaggingStages, **options: Any) -> None:
        self.stages = stages
        self.batcher = Batcher(stages, batch=512, on_done=self._done, **options)

    def offer(self, questions: Sequence[Any], reading: Reading = ENTITIES, deadline: float = float("inf")) -> Call:
        sizes = self.batcher.sizes(questions)
        call = Call(questions, sizes, reading, deadline=deadline, waiter=threading.Event())
        self.batcher.offer(call)
        return call

    def answers(self, call: Call) -> list[Any]:
        assert call.waiter.wait(PATIENCE)
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


@contextmanager
def held(folder: Path, *, layout: Layout = "padded", **options: Any) -> Iterator[tuple[Asking, Held]]:
    """A batcher on a backend that is held; in the end it is released."""
    backend = Held(layout)
    asking = Asking(stages_on(backend, folder / "bundle"), **options)
    try:
        yield asking, backend
    finally:
        backend.release()
        asking.batcher.close(PATIENCE)


def busy(asking: Asking, backend: Held) -> list[Call]:
    """Calls that keep both streams, one each: what comes later waits."""
    calls = []
    for count in (1, 2):
        calls.append(asking.offer(["word " * 50]))
        backend.wait_for(count)
    return calls


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
    seconds = []
    for _ in range(20):
        begun = time.perf_counter()
        asking.answers(asking.offer(["Paris"]))
        seconds.append(time.perf_counter() - begun)
    # Whoever let requests gather would do so each time; what else disturbs a machine does not.
    assert min(seconds) < 0.1


def test_what_gathers_while_batches_run_shares_the_next(tmp_path: Path) -> None:
    reports: list[BatchReport] = []
    with held(tmp_path, most_queued=1_000_000, on_batch=reports.append) as (asking, backend):
        calls = [*busy(asking, backend), *(asking.offer(["Paris in the rain"]) for _ in range(200))]
        backend.release()
        assert all(asking.answers(call)[0][0].text == "Paris" for call in calls[2:])
    # Of 1,200 tokens, by the estimate, and 512 are a batch.
    assert len(reports) <= 2 + 4


def test_of_what_is_gathered_whole_rows_are_run_and_all_of_it_is_answered(tmp_path: Path) -> None:
    # By the estimate, tokens have four characters; these have two, so that a batch comes to more than it may hold.
    texts = ["a " * (5 + number % 7) + "Angela Merkel in Paris" for number in range(400)]
    with held(tmp_path, layout="packed", most_queued=1_000_000, spare=0.125) as (asking, backend):
        ran = busy(asking, backend)
        calls = [asking.offer([text]) for text in texts]
        backend.release()
        for call in (*ran, *calls):
            assert len(asking.answers(call)) == 1
    assert [[entity.text for entity in call.answers[0]] for call in calls] == [["Angela Merkel", "Paris"]] * 400
    slots = [ids.size for ids in backend.batches]
    assert 512 in slots
    assert max(slots) <= 512


def test_what_is_put_back_while_the_batcher_closes_is_refused(tmp_path: Path) -> None:
    backend = Held("packed")
    backend.release()
    stages = stages_on(backend, tmp_path / "bundle")
    closed, tokenizing = threading.Event(), threading.Event()

    class Waiting:
        """The stages, which tokenize several questions only when the batcher is closed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(stages, name)

        def tokenize(self, reading: Reading, questions: Sequence[Any]) -> Any:
            if len(questions) > 1:
                tokenizing.set()
                closed.wait(PATIENCE)
            return stages.tokenize(reading, questions)

    asking = Asking(cast(TaggingStages, Waiting()), spare=0.125)
    calls = [asking.offer(["a " * 20]) for _ in range(80)]
    assert tokenizing.wait(PATIENCE)
    closing = ThreadPoolExecutor(1).submit(asking.batcher.close, PATIENCE)
    wait_until(lambda: asking.batcher.queued == 0)
    closed.set()
    assert closing.result()
    assert all(call.waiter.is_set() for call in calls)
    assert any(isinstance(call.error, OverloadedError) for call in calls)


def test_a_single_sentence_is_not_held_up_by_ten_thousand(tmp_path: Path) -> None:
    with held(tmp_path, most_queued=1_000_000) as (asking, backend):
        bulk = asking.offer(["Angela Merkel visited the rain and went on"] * 10_000)
        backend.wait_for(2)
        sentence = asking.offer(["Paris"])
        wait_until(lambda: asking.stages.backend.waiting == 1)
        backend.release(1)
        backend.wait_for(3)
        bulk.drop("client_gone")
        backend.release()
        assert asking.answers(sentence)[0][0].text == "Paris"
        # It went before all but the two batches that ran when it came.
        of_sentence = [number for number, ids in enumerate(backend.batches) if (ids == PARIS).any()]
        assert of_sentence == [2]


@pytest.mark.slow
def test_a_single_sentence_waits_for_a_quantum_of_ten_thousand(slow: tuple[Asking, Slow]) -> None:
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
    with held(tmp_path, most_queued=100) as (asking, _):
        outcomes = [_tried(asking) for _ in range(100)]
        # Two run, one is ready, and two wait, of one call or of two each; nothing ends, so that no other is taken.
        assert 1 <= sum(outcomes) <= 12
        assert not any(outcomes[-80:])


def test_what_is_tokenized_ahead_still_stands_before_a_newcomer(tmp_path: Path) -> None:
    with held(tmp_path, most_queued=600) as (asking, backend):
        for count in (1, 2):
            assert _tried(asking, ["word " * 40])  # one for each stream
            backend.wait_for(count)
        assert asking.batcher.queued == 0
        outcomes = [_tried(asking, ["word " * 40]) for _ in range(40)]
        # Of 52 tokens each, by the estimate. Ten of them were taken as soon as they were there, and still count.
        wait_until(lambda: asking.stages.backend.waiting == 1)
        assert outcomes == [True] * 12 + [False] * 28
        assert asking.batcher.queued == 12 * 52


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
    with held(tmp_path) as (asking, backend), ThreadPoolExecutor(1) as pool:
        ran = busy(asking, backend)
        # One batch of them is made ready; there is more than that.
        waiting = [asking.offer(["word " * 60]) for _ in range(10)]
        closing = pool.submit(asking.batcher.close, PATIENCE)
        wait_until(lambda: any(call.waiter.is_set() for call in waiting))
        with pytest.raises(OverloadedError):
            asking.offer(["Paris"])
        backend.release()
        assert closing.result()
        assert all(call.waiter.is_set() for call in (*ran, *waiting))
        assert [call.error for call in ran] == [None, None]
        assert any(isinstance(call.error, OverloadedError) for call in waiting)


class Clock:
    """That says what it is set to.

    Attributes:
        now: seconds.
    """

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_stream_that_ended_a_batch_lets_the_next_one_gather_while_others_run(tmp_path: Path) -> None:
    clock, reports = Clock(), list[BatchReport]()
    with held(tmp_path, on_batch=reports.append, clock=clock) as (asking, backend):
        ran = busy(asking, backend)
        clock.now += 1.0
        backend.release(1)
        wait_until(lambda: any(call.waiter.is_set() for call in ran))
        # A quarter of the second that it took is let pass; the other stream still runs.
        together = [asking.offer(["Paris"]) for _ in range(4)]
        assert len(backend.batches) == 2
        clock.now += 0.3
        backend.wait_for(3)
        backend.release()
        for call in (*ran, *together):
            asking.answers(call)
    assert [report.calls for report in reports if report.tokens < 10] == [4]


def test_nothing_gathers_where_no_other_stream_runs(tmp_path: Path) -> None:
    clock = Clock()
    with held(tmp_path, clock=clock) as (asking, backend):
        first = asking.offer(["word " * 60])
        backend.wait_for(1)
        clock.now += 1.2  # of which a quarter would be let pass; no time passes after this
        backend.release()
        asking.answers(first)
        assert asking.answers(asking.offer(["Paris"]))[0][0].text == "Paris"


def test_a_large_call_is_refused_for_the_large_ones_before_it_and_a_small_one_is_not(tmp_path: Path) -> None:
    with held(tmp_path) as (asking, _):
        large = [_tried(asking, ["word " * 50] * 40) for _ in range(6)]  # 2,100 tokens each; there is room for 1,024
        assert large[0]
        assert not large[-1]
        assert asking.batcher.refusal(20) is None
        assert _tried(asking)
        # What stands before it is not much to a call that is itself much larger.
        assert _tried(asking, ["word " * 50] * 400)
