"""The queue's order: small before large in turn, large in quanta, readings apart, and nothing that nobody waits for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runtime.serve.batching.call import Call, Piece
from runtime.serve.batching.fair_queue import QUANTUM, RECENT, FairQueue
from runtime.serve.batching.reading import ENTITIES, Reading, reading_of

NEVER = float("inf")


def call(*sizes: int, reading: Reading = ENTITIES, deadline: float = NEVER) -> Call:
    return Call([f"text {number}" for number in range(len(sizes))], sizes, reading, deadline=deadline)


def queue_of(*calls: Call, now: float = 0.0, batch: int = 512, gathered: int = 1, spare: float = 0.0) -> FairQueue:
    queue = FairQueue(batch, gathered=gathered, spare=spare)
    for each in calls:
        queue.put(each, now)
    return queue


def size(pieces: list[Piece]) -> int:
    return sum(piece.size for piece in pieces)


def test_small_calls_share_a_batch_in_the_order_they_came() -> None:
    calls = [call(20) for _ in range(30)]
    queue = queue_of(*calls)
    first = queue.take(0.0)
    assert [piece.call for piece in first] == calls[:26]
    assert [piece.call for piece in queue.take(0.0)] == calls[26:]
    assert queue.take(0.0) == []
    assert queue.tokens == 0


def test_small_calls_gather_to_two_batches_where_that_is_said() -> None:
    calls = [call(20) for _ in range(60)]
    queue = queue_of(*calls, gathered=2)
    assert [piece.call for piece in queue.take(0.0)] == calls[:52]
    assert [piece.call for piece in queue.take(0.0)] == calls[52:]


def test_what_is_put_back_comes_first_in_the_next_batch() -> None:
    calls = [call(20) for _ in range(60)]
    queue = queue_of(*calls, spare=0.125)
    pieces = queue.take(0.0)
    assert [piece.call for piece in pieces] == calls[:29]
    queue.put_back(pieces[25:])
    assert queue.tokens == 35 * 20
    assert [piece.call for piece in queue.take(0.0)] == calls[25:54]
    assert [piece.call for piece in queue.take(0.0)] == calls[54:]
    assert queue.tokens == 0
    assert all(each.next == 1 and each.waiting == 0 for each in calls)


def test_what_is_put_back_and_given_up_is_dropped() -> None:
    calls = [call(20) for _ in range(3)]
    queue = queue_of(*calls)
    queue.put_back(queue.take(0.0))
    calls[0].drop("client_gone")
    assert [piece.call for piece in queue.take(0.0)] == calls[1:]
    assert queue.dropped == {"client_gone": 1}


def test_a_large_call_is_cut_up_while_small_ones_come() -> None:
    large = call(*[20] * 10_000)
    queue = queue_of(large, call(20))
    order = [queue.take(0.0) for _ in range(3)]
    assert [piece.call.small for pieces in order for piece in pieces] == [True, False, False]
    assert all(size(pieces) <= QUANTUM for pieces in order)


def test_a_large_call_alone_fills_batches() -> None:
    queue = queue_of(call(*[20] * 100))
    assert size(queue.take(RECENT + 1)) == 500


def test_large_calls_take_turns() -> None:
    one, other = call(*[20] * 1000), call(*[20] * 1000)
    queue = queue_of(one, call(20), other)
    queue.take(0.0)
    assert [queue.take(0.0)[0].call for _ in range(4)] in ([one, other, one, other], [other, one, other, one])


def test_large_calls_are_not_starved_by_small_ones() -> None:
    large = call(*[20] * 100)
    queue = queue_of(large)
    taken = 0
    while large.next < 100:
        for _ in range(40):
            queue.put(call(20), 0.0)
        queue.take(0.0)
        taken += 1
    assert taken < 100


def test_what_stands_before_a_newcomer_is_counted() -> None:
    queue = queue_of(call(20), call(*[20] * 10_000))
    assert queue.tokens == 20 + QUANTUM


def test_calls_of_another_reading_wait_for_their_own_batch_and_keep_their_place() -> None:
    other = reading_of(aggregation="simple")
    calls = [call(20), call(20, reading=other), call(20), call(20, reading=other)]
    queue = queue_of(*calls)
    assert [piece.call for piece in queue.take(0.0)] == [calls[0], calls[2]]
    assert [piece.call for piece in queue.take(0.0)] == [calls[1], calls[3]]


def test_what_nobody_waits_for_is_dropped_and_counted() -> None:
    late, gone, kept = call(20, deadline=5.0), call(*[20] * 100), call(20)
    queue = queue_of(late, gone, kept)
    gone.drop("client_gone")
    taken = [piece.call for _ in range(3) for piece in queue.take(6.0)]
    assert taken == [kept]
    assert late.dropped == "deadline"
    assert queue.dropped == {"deadline": 1, "client_gone": 1}
    assert queue.tokens == 0


@given(st.lists(st.lists(st.integers(1, 700), min_size=1, max_size=40), max_size=30), st.booleans())
def test_every_question_is_taken_once_and_in_order(sizes: list[list[int]], recent: bool) -> None:
    calls = [call(*each) for each in sizes]
    queue = queue_of(*calls)
    taken: dict[int, list[int]] = {}
    while pieces := queue.take(0.0 if recent else RECENT + 1):
        for piece in pieces:
            taken.setdefault(id(piece.call), []).extend(range(piece.first, piece.end))
    assert taken == {id(each): list(range(len(each.questions))) for each in calls}
    assert queue.tokens == 0


def test_what_stands_before_a_newcomer_depends_on_its_size() -> None:
    queue = queue_of(call(30), call(30, 10), call(*[20] * 1000), call(*[20] * 10))
    # Small ones whole, and a turn of each large one.
    assert queue.tokens == queue.standing(20) == 70 + 2 * QUANTUM
    # A large newcomer shares its turns with large ones, as long as both have something left.
    assert queue.standing(500) == 70 + 500 + 200
    assert queue.standing(1_000_000) == 70 + 20_000 + 200
    while queue.take(0.0):
        pass
    assert queue.standing(500) == queue.tokens == 0


def test_what_is_in_a_batch_stands_before_nobody() -> None:
    queue = queue_of(call(*[20] * 100))
    taken = size(queue.take(RECENT + 1))
    assert queue.standing(10_000) == 2000 - taken
