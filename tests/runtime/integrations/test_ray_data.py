"""Real Ray, embedded, does a job; killed at any time, it goes on and loses and doubles nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from runtime.integrations.ray_data import manifest_digest, on_this_node
from runtime.integrations.ray_parts import do_part, plan
from runtime.integrations.tag_batch import TagBatch
from tests.conftest import ROOT
from tests.lookup import lookup_bundle
from tests.waiting import PATIENCE

pytest.importorskip("ray")
pytestmark = pytest.mark.integration
WORDS = {"Angela": "B-PER", "Merkel": "I-PER", "Paris": "B-LOC"}
MODULE = "runtime.integrations.ray_data"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS)


def shard_of(folder: Path, documents: int) -> Path:
    """Documents of some 1,500 bytes, so that a few make a part."""
    shard = folder / "in.jsonl"
    rows = ({"id": n, "text": f"Angela Merkel met {n} people in Paris", "rest": "x" * 1400} for n in range(documents))
    shard.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return shard


def command(shard: Path, bundle: Path, output: Path, *more: str) -> list[str]:
    options = [
        "--bundle",
        str(bundle),
        "--output",
        str(output),
        "--format",
        "jsonl",
        "--part-mib",
        "1",
        "--threads",
        "1",
    ]
    return [sys.executable, "-m", MODULE, str(shard), *options, *more]


def ids(output: Path) -> list[int]:
    return [json.loads(line)["id"] for file in sorted(output.glob("part-*")) for line in file.read_bytes().splitlines()]


def assert_equal_to_one_process(shard: Path, bundle: Path, output: Path, folder: Path) -> None:
    tagger, alone = TagBatch(bundle, threads=1), folder / "alone"
    alone.mkdir(parents=True)
    for part in plan([shard], part_bytes=1 << 20, part_rows=1):
        assert not do_part(part, tagger, alone, "jsonl", "text").problem
    parts = sorted(file.name for file in alone.iterdir())
    assert parts == sorted(file.name for file in output.glob("part-*"))
    for name in parts:
        assert (output / name).read_bytes() == (alone / name).read_bytes(), name


def test_two_actors_do_a_job_and_the_same_command_finds_it_done(bundle: Path, tmp_path: Path) -> None:
    shard, output = shard_of(tmp_path, 4000), tmp_path / "out"
    line = command(shard, bundle, output, "--actors", "2")
    first = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert first.returncode == 0, first.stderr
    assert "4,000 documents, 8,000 entities, 0 documents with an error, 0 parts failed" in first.stderr
    assert sorted(ids(output)) == list(range(4000))
    assert_equal_to_one_process(shard, bundle, output, tmp_path)
    again = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (again.returncode, again.stderr) == (0, "6 parts, 6 of them done before\n")


def test_map_batches_drives_the_plain_class(bundle: Path) -> None:
    code = f"""
import ray
ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
rows = [{{"id": n, "text": "in Paris" if n % 2 else "nowhere"}} for n in range(100)]
tagged = ray.data.from_items(rows).map_batches(
    __import__("{TagBatch.__module__}", fromlist=["TagBatch"]).TagBatch,
    fn_constructor_kwargs={{"bundle": {str(bundle)!r}, "threads": 1}},
    batch_format="numpy", batch_size=32, compute=ray.data.ActorPoolStrategy(size=1), num_cpus=1)
print(sorted((row["id"], len(row["entities"])) for row in tagged.take_all()) == [(n, n % 2) for n in range(100)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.stdout.strip().endswith("True"), done.stderr


def test_where_the_driver_has_the_bundle_it_is_taken_from_there(bundle: Path) -> None:
    assert on_this_node(bundle, manifest_digest(bundle), files="in Ray's store") == bundle
    assert on_this_node(bundle, "embedded", files=None) == bundle


def test_a_node_without_the_bundle_unpacks_one_copy_from_rays_store(bundle: Path, tmp_path: Path) -> None:
    code = f"""
import pathlib, ray, tempfile
from runtime.bundle.store import MANIFEST, open_bundle
from runtime.integrations.ray_data import content_of, manifest_digest, on_this_node
ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
tempfile.tempdir = {str(tmp_path)!r}
bundle = open_bundle(pathlib.Path({str(bundle)!r}))
files, digest = ray.put(content_of(bundle)), manifest_digest(bundle.path)
places = {{on_this_node(pathlib.Path("nowhere"), digest, files) for _ in range(2)}}
print(len(places), open_bundle(places.pop()).manifest == bundle.manifest)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        cwd=ROOT,
    )
    assert done.stdout.strip() == "1 True", done.stderr
    assert len(list(tmp_path.glob("nerve-bundle-*"))) == 1


@pytest.mark.slow
def test_20_kills_lose_nothing_and_double_nothing(bundle: Path, tmp_path: Path) -> None:
    shard, chance, started = shard_of(tmp_path, 100_000), random.Random(20), set[int]()
    outputs = [tmp_path / "out-0"]
    kills = drivers = 0
    while kills < 20:
        line = command(shard, bundle, outputs[-1], "--actors", "2")
        # Its output goes into a file, for those of its processes that outlive it keep a pipe open.
        with (
            (tmp_path / "log").open("ab") as log,
            subprocess.Popen(line, env=ENVIRONMENT, stdout=log, stderr=log) as driver,
        ):
            _wait(driver, outputs[-1], len(list(outputs[-1].glob("part-*"))) + chance.randint(1, 2))
            if driver.poll() is not None:  # A fast machine does the job between two kills: the next one is killed.
                outputs.append(tmp_path / f"out-{len(outputs)}")
                continue
            family = _family(driver, started)
            workers = [each for each in family if "MapWorker" in " ".join(_line(each))]
            if chance.random() < 0.5 and workers:
                os.kill(chance.choice(workers).pid, signal.SIGKILL)
                kills += 1
                time.sleep(chance.random() * 3)
                family = _family(driver, started)
            driver.kill()
            kills += 1
            drivers += 1
        _end(family)
    assert drivers >= 10
    for number, output in enumerate(outputs):
        line = command(shard, bundle, output, "--actors", "2")
        last = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=1200)
        assert last.returncode == 0, last.stderr
        assert sorted(ids(output)) == list(range(100_000))
        assert_equal_to_one_process(shard, bundle, output, tmp_path / f"one-{number}")


def _wait(driver: subprocess.Popen[bytes], output: Path, parts: int) -> None:
    """Until so many parts are there, or the driver has ended."""
    end = time.monotonic() + 300
    while driver.poll() is None and len(list(output.glob("part-*"))) < parts and time.monotonic() < end:
        time.sleep(0.05)


def _family(driver: subprocess.Popen[bytes], started: set[int]) -> list[Any]:
    """The processes that the driver started, and those that they started."""
    try:
        family = psutil.Process(driver.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    started.update(each.pid for each in family)
    return list(family)


def _line(process: Any) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _end(family: list[Any]) -> None:
    """End what is left of a killed driver's processes; most end by themselves."""
    for each in psutil.wait_procs(family, timeout=5)[1]:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
