"""Jobs: what a system's process is asked to do, here without a process and on a clock of its own."""

from __future__ import annotations

import gc

import pytest

from bench.measure import jobs
from bench.systems.base import Failure, Setting
from tests.bench import fakes


def _session(seconds: float) -> jobs.Session:
    clock = fakes.Clock()
    session = jobs.Session(clock)
    session.system = fakes.OnClock(clock, seconds)
    return session


def test_texts_are_timed_together_and_one_by_one() -> None:
    assert jobs.timed(_session(0.5), ["a", "b"], 3) == pytest.approx(1.5)
    assert jobs.calls(_session(0.5), ["a", "b", "c"]) == pytest.approx([0.5] * 3)


def test_what_comes_before_is_tagged_and_not_timed() -> None:
    session = _session(0.5)
    assert jobs.calls(session, ["a", "b"], ["c"] * 3) == pytest.approx([0.5] * 2)
    assert session.clock() >= 2.5


class Warming(fakes.Fake):
    """The first runs take long: each has its own seconds, and the last ones go on."""

    def __init__(self, clock: fakes.Clock, seconds: list[float]) -> None:
        super().__init__()
        self.clock, self.left, self.runs = clock, list(seconds), 0

    def tag(self, texts: object) -> list[list[tuple[str, int, int]]]:
        self.runs += 1
        self.clock.sleep(self.left.pop(0) if len(self.left) > 1 else self.left[0])
        return []


@pytest.mark.parametrize(
    ("seconds", "most", "limit", "runs", "last"),
    [
        # An H100's own figures, and one run more. The first two are within 20% of each other.
        ([0.179, 0.145, 0.039, 0.052, 0.041, 0.040], 9, 10.0, 6, 0.040),
        ([1.0, 0.9, 0.95], 9, 10.0, 3, 0.95),
        # Alike, but another run was far shorter.
        ([0.5, 1.0, 1.0, 0.5, 0.6], 9, 10.0, 5, 0.6),
        # Never alike: the number of runs ends it, or the seconds do.
        ([8.0, 4.0, 2.0, 1.0], 3, 100.0, 3, 2.0),
        ([8.0, 4.0, 2.0, 1.0], 9, 9.0, 2, 4.0),
        ([1.0, 1.0], 1, 0.0, 1, 1.0),
    ],
)
def test_a_warm_up_ends_when_runs_no_longer_get_faster(
    seconds: list[float], most: int, limit: float, runs: int, last: float
) -> None:
    clock = fakes.Clock()
    session, system = jobs.Session(clock), Warming(clock, seconds)
    session.system = system
    assert jobs.warm_up(session, ["a"], most, limit) == pytest.approx(last)
    assert system.runs == runs


def test_the_garbage_collector_is_off_while_time_runs_and_on_afterwards() -> None:
    seen: list[bool] = []

    class Watching(fakes.Fake):
        def tag(self, texts: object) -> list[list[tuple[str, int, int]]]:
            seen.append(gc.isenabled())
            return []

    session = jobs.Session()
    session.system = Watching()
    jobs.timed(session, ["a"], 1)
    assert seen == [False]
    assert gc.isenabled()


def test_a_system_is_closed_before_the_next_is_opened() -> None:
    order: list[str] = []

    class Closing(fakes.Fake):
        def close(self) -> None:
            order.append("closed")

    def opener(setting: Setting) -> Closing:
        order.append(f"opened {setting.batch}")
        return Closing()

    session = jobs.Session()
    for batch in (1, 2):
        jobs.open_system(session, opener, Setting(batch, 1, 1))
    session.close()
    session.close()
    assert order == ["opened 1", "closed", "opened 2", "closed"]
    with pytest.raises(Failure, match="nothing was opened"):
        jobs.answers(session, ["a"])


def test_answers_are_plain_data_and_memory_is_known() -> None:
    session = jobs.Session()
    session.system = fakes.Fake()
    assert jobs.answers(session, ["to Oslo"]) == [[("LOC", 3, 7)]]
    assert jobs.split(session, ["a"]).filled == 80
    assert jobs.peak_bytes(session) > 1_000_000
