"""A few thousand of the million cases; and that a campaign sees a crash, a hang, a traceback and a wrong answer."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

from runtime.errors import BundleError
from tests.conftest import Command
from tests.fuzz.campaign import Campaign, table
from tests.fuzz.kind import Case, Kind, check
from tests.fuzz.kinds import KINDS


def test_no_changed_thing_is_answered_wrongly_or_ends_in_anything_but_one_line(
    tmp_path: Path, command: Command
) -> None:
    # A process of its own: this one may have threads, and must not fork.
    ran = command("tests.fuzz", "--cases", 2_500, "--seed", 16, "--jobs", 1, "--file", tmp_path / "fuzz.json")
    campaign = Campaign(KINDS, cases=2_500, seed=16, file=tmp_path / "fuzz.json")
    assert not campaign.findings.exists(), campaign.findings.read_text()
    assert ran.returncode == 0, ran.stderr
    assert sum(counts.done for counts in campaign.counts.values()) > 2_400
    # Both must happen in every kind: a kind that refuses everything holds no answer against anything.
    for name, counts in campaign.counts.items():
        assert counts.refused + counts.right == counts.done, name
        assert counts.right > counts.done / 50, name
        assert counts.refused > 0 or name in ("gate", "texts"), name
        assert counts.cpu_seconds > 0, name


def _breaks(folder: Path) -> Case:
    def case(chance: random.Random) -> None:
        kind = chance.choice(("right", "refused", "wrong", "traceback", "crash", "hang"))
        if kind == "refused":
            raise BundleError("a", "b", "c")
        if kind == "traceback":
            raise KeyError("x")
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "hang":
            time.sleep(60)
        check(kind != "wrong", "no")

    return case


def test_every_sort_of_finding_is_counted_and_can_be_made_again(tmp_path: Path) -> None:
    kind = Kind("breaking", 1, _breaks)
    cases = [random.Random(f"3 breaking {number}") for number in range(20)]
    expected = [chance.choice(("right", "refused", "wrong", "traceback", "crash", "hang")) for chance in cases]
    campaign = Campaign([kind], cases=20, seed=3, file=tmp_path / "fuzz.json", hang_seconds=0.3)
    campaign.run(jobs=2)
    counts = campaign.counts["breaking"]
    assert counts.done == 20
    for name in ("right", "refused", "wrong", "traceback", "crash", "hang"):
        assert getattr(counts, name) == expected.count(name), name
    found = [json.loads(line) for line in campaign.findings.read_text().splitlines()]
    assert {one["case"]: one["outcome"] for one in found} == {
        number: kind for number, kind in enumerate(expected) if kind not in ("right", "refused")
    }
    assert f"| breaking | 20 | {expected.count('refused')} |" in table(campaign.counts)


def test_a_campaign_goes_on_where_it_was(tmp_path: Path) -> None:
    kinds = [kind for kind in KINDS if kind.name in ("corpora", "checkpoints")]
    file = tmp_path / "fuzz.json"
    Campaign(kinds, cases=40, seed=1, file=file).run(jobs=1)
    again = Campaign(kinds, cases=100, seed=1, file=file)
    done = sum(counts.done for counts in again.counts.values())
    assert 38 <= done <= 40
    again.run(jobs=1)
    assert sum(counts.done for counts in again.counts.values()) > 98
