"""A whole run on fakes: every phase, every report, and rows for those that did not make it."""

from __future__ import annotations

import base64
import itertools
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.context import Bench, reference_of
from bench.measure.jobs import Session
from bench.measure.process import Local, Worker
from bench.plan import QUICK
from bench.report.pictures import can_draw
from bench.report.write import markdown_of, terminal_of, write_reports
from bench.run import main_workloads, run_bench
from bench.schema.result import Result, Row, read_result, write_result
from bench.systems.base import Failure, Spec
from bench.workloads.subject import Subject
from bench.workloads.texts import Workload, sentences_of
from runtime.encode.tokenizer import Encoder
from runtime.errors import BundleError
from tests.bench import fakes
from tests.bench.fakes import spec

TINY = replace(
    QUICK,
    sentences=20,
    scored=20,
    rounds=3,
    run_seconds=0.001,
    search_texts=4,
    latency_words=(0, 3),
    latency_rounds=2,
    latency_calls=3,
    rates=(50.0,),
    load_seconds=0.1,
)
EVERYTHING = replace(
    TINY, documents=2, heat_words=(2, 4), heat_batches=(1, 3), heat_seconds=5.0, large_sentences=4, large_rounds=3
)


def _bench(folder: Path, specs: list[Spec], *, full: bool = False, texts: Workload | None = None) -> Bench:
    return Bench(
        specs=specs,
        large=lambda: [spec("nerve-fast", group="nerve"), spec("pipeline-fp32", fakes.open_refusing), spec("unknown")],
        large_room=0,
        large_folder=folder,
        subject=Subject(
            checkpoint=folder,
            labels=fakes.LABELS,
            max_length=64,
            encoder=Encoder(fakes.tokenizer_file(folder)),
            flops=1e6,
            large_flops=1e6,
            bundle_facts={"manifest_sha256": "ab" * 32, "versions": {}},
            checkpoint_facts={"name": "fake", "sha256": "cd" * 32, "architecture": "none", "layers": 1, "hidden": 1},
        ),
        corpus=fakes.corpus(),
        texts=texts,
        plan=EVERYTHING if full else TINY,
        threads=1,
        start=Worker,
        reference=fakes.gold_reference,
        roofline=fakes.no_roofline,
    )


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    specs = [
        spec("nerve-fast", seconds=0.001, group="nerve"),
        spec("pipeline-fp32", seconds=0.01),
        spec("wrong", kind="PER"),
        spec("crashing", dies_on="n7 "),  # one of the sentences that are timed, and none that is tried before
        spec("refusing", fakes.open_refusing),
        spec("absent", needs=("no_such_library",)),
        spec("other", same_model=False, kind="PER"),
    ]
    own = replace(sentences_of(fakes.corpus(3), 0, seed=0), name="texts")
    return run_bench(_bench(tmp_path_factory.mktemp("run"), specs, full=True, texts=own))


def _row(result: Result, name: str) -> Row:
    return next(row for row in result.rows if row.name == name)


def test_a_baseline_that_crashes_leaves_a_row_that_says_so_and_the_rest_complete(result: Result) -> None:
    assert {row.name: row.status for row in result.rows} == {
        "nerve-fast": "measured",
        "pipeline-fp32": "measured",
        "wrong": "measured",
        "crashing": "failed",
        "refusing": "failed",
        "absent": "not installed",
        "other": "measured",
    }
    assert _row(result, "crashing").reason == "crashed: exit status 3"
    assert _row(result, "refusing").reason == "ValueError: cannot read model.bin"
    for name in ("nerve-fast", "pipeline-fp32", "wrong", "other"):
        row = _row(result, name)
        assert [one.workload for one in row.throughput] == ["sentences", "texts", "documents"] + ["bert-large"] * (
            name == "nerve-fast"
        )
        assert [one.texts for one in row.latency] == ["sentence", "3 words"]
        assert len(row.cold_seconds) == 1
        assert row.load
        assert row.peak_bytes > 0


def test_large_systems_that_fail_are_a_note(result: Result) -> None:
    assert "bert-large: pipeline-fp32 was not measured (ValueError: cannot read model.bin)" in result.notes
    assert not any(one.workload == "bert-large" for row in result.rows for one in row.accuracy)


def test_wrong_tags_are_flagged_in_the_row(result: Result) -> None:
    assert _row(result, "nerve-fast").flags == []
    assert _row(result, "wrong").flags[0] == "answers differ from the checkpoint's: 2000.0 labels in 10,000"
    assert "answers differ from the checkpoint's" in terminal_of(result)
    # Another model's tags are its own affair: it gets its F1, and no flag.
    assert _row(result, "other").flags == []
    assert _row(result, "other").accuracy[0].f1 == 0.0


def test_ratios_are_to_the_baseline_and_of_nerve(result: Result) -> None:
    main = result.workloads[0]
    assert (main.baseline, main.fastest_nerve) == ("pipeline-fp32", "nerve-fast")
    found, ours = (_row(result, name).throughput[0] for name in ("pipeline-fp32", "nerve-fast"))
    assert found.nerve_to_this is not None
    assert ours.to_baseline is not None
    # How fast either was is up to the machine; tests/bench/test_speed.py says what follows from it.
    assert found.nerve_to_this.value == ours.to_baseline.value > 0
    assert re.search(r"sentences: nerve-fast is .*pipeline-fp32 \(", terminal_of(result))


def test_what_was_derived_follows_from_the_raw_values(result: Result) -> None:
    for row in result.rows:
        for one in row.throughput:
            workload = result.workload(one.workload)
            assert workload is not None
            median = float(np.median(one.seconds)) / one.repeats
            assert one.texts_per_second == pytest.approx(workload.texts / median)
            assert one.tokens_per_second == pytest.approx(workload.tokens / median)


def test_the_result_comes_back_from_its_json(result: Result, tmp_path: Path) -> None:
    write_result(tmp_path / "r.json", result)
    assert asdict(read_result(tmp_path / "r.json")) == asdict(result)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"schema": 99}, "schema 99, this version of Nerve reads schema 2"),
        ({"surprise": 1}, "unknown: surprise"),
        ({"rows": None}, "not a benchmark's result"),
    ],
)
def test_another_json_is_refused(result: Result, tmp_path: Path, change: dict[str, object], found: str) -> None:
    (tmp_path / "r.json").write_text(json.dumps(asdict(result) | change), encoding="utf-8")
    with pytest.raises(BundleError, match=found):
        read_result(tmp_path / "r.json")


def test_the_page_stands_alone_and_its_pictures_are_well_formed(result: Result, tmp_path: Path) -> None:
    write_reports(result, tmp_path)
    page = (tmp_path / "result.html").read_text(encoding="utf-8")
    assert not re.search(r'<script|<link|src="(?!data:)|srcset="(?!data:)|@import|url\(|https?:', page)
    pictures = re.findall(r'="data:image/svg\+xml;base64,([^"]+)"', page)
    # Speed against F1, one text, load, split, two heat maps, light and dark; the roofline was not measured.
    assert len(pictures) == 12 * can_draw()
    for drawn in pictures:
        ElementTree.fromstring(base64.b64decode(drawn))
    assert "@media print" in page


def test_reports_hold_no_text_of_the_corpus_and_no_folder(result: Result, tmp_path: Path) -> None:
    write_reports(result, tmp_path)
    for file in tmp_path.iterdir():
        content = file.read_text(encoding="utf-8")
        assert "Nairobi" not in content
        assert str(tmp_path) not in content
        assert not re.search(r"/(home|root|tmp|work|usr)/", content)


def test_the_markdown_tables_are_whole(result: Result) -> None:
    lines = markdown_of(result).splitlines()
    for before, line in itertools.pairwise(lines):
        if line.startswith("|") and before.startswith("|"):
            assert line.count("|") == before.count("|")


def test_a_checkpoint_that_was_asked_before_is_not_asked_again(tmp_path: Path) -> None:
    """A plan as the GPU check has: no cold start, so the roofline is opened beside the systems; parts, and warm-ups."""
    few = replace(TINY, cold_starts=0, drawn_again=True, sentences=600, longest_run=0.001, warm_ups=4, rates=())
    plan = replace(few, warm_up_seconds=1.0, latency_seconds=0.001, latency_words=(0,), latency_calls=12)
    specs = [spec("nerve-fast", group="nerve", seconds=0.002), spec("pipeline-fp32", seconds=0.004)]
    bench = replace(_bench(tmp_path, specs), plan=plan, start=lambda threads: Local(Session()))
    known = reference_of(bench, main_workloads(bench)[1], [])

    def asked(*given: object) -> list[list[str] | None]:
        raise Failure("asked again")

    result = run_bench(replace(bench, reference=asked, expected=lambda: known))
    assert result.notes == ["the machine's matrix-multiplication rate was not measured (no products in tests)"]
    ours, theirs = (_row(result, one.name) for one in specs)
    assert [row.accuracy[0].changed_per_10k for row in (ours, theirs)] == [0.0, 0.0]
    assert known.twins.keys() == {"words"}
    # Nerve tags everything, a baseline what it can in the time.
    assert ours.throughput[0].part_texts == 0
    assert 0 < theirs.throughput[0].part_texts < 600
    assert [len(one) for one in theirs.latency[0].rounds] == [10, 10]


def test_users_texts_alone_are_enough(tmp_path: Path) -> None:
    own = replace(sentences_of(fakes.corpus(6), 0, seed=0), name="texts")
    found = run_bench(replace(_bench(tmp_path, [spec("one")], texts=own), corpus=()))
    assert [one.name for one in found.workloads] == ["texts"]
    assert found.rows[0].throughput[0].texts_per_second > 0
    assert found.rows[0].latency == []
