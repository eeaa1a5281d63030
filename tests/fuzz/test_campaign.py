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
            time.sleep(3600)
        check(kind != "wrong", "no")

    return case


def test_every_sort_of_finding_is_counted_and_can_be_made_again(tmp_path: Path) -> None:
    kind = Kind("breaking", 1, _breaks)
    # Of this seed one case hangs; on a machine that stands still for a moment, no other takes as long.
    cases = [random.Random(f"4 breaking {number}") for number in range(20)]
    expected = [chance.choice(("right", "refused", "wrong", "traceback", "crash", "hang")) for chance in cases]
    campaign = Campaign([kind], cases=20, seed=4, file=tmp_path / "fuzz.json", hang_seconds=8)
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


def test_a_campaign_goes_on_where_it_was(tmp_path: Path, command: Command) -> None:
    kinds = [kind for kind in KINDS if kind.name in ("corpora", "checkpoints")]
    file = tmp_path / "fuzz.json"
    asked = ("--seed", 1, "--jobs", 1, "--file", file, "--kind", kinds[0].name, "--kind", kinds[1].name)
    for cases, least in ((40, 38), (100, 98)):
        assert command("tests.fuzz", "--cases", cases, *asked).returncode == 0
        done = sum(counts.done for counts in Campaign(kinds, cases=cases, seed=1, file=file).counts.values())
        assert least <= done <= cases
