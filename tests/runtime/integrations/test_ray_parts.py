"""A job is cut into parts that hold every line and row once, and a part is written whole or not at all."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from runtime.errors import StorageError, UsageError
from runtime.integrations.ray_parts import PLAN, Done, do_part, fingerprint, hold_to_plan, plan
from runtime.integrations.tag_batch import TagBatch
from tests.lookup import lookup_bundle

WORDS = {"Paris": "B-LOC"}


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> TagBatch:
    return TagBatch(lookup_bundle(tmp_path_factory.mktemp("lookup") / "bundle", WORDS), threads=1)


def done(folder: Path, shards: list[Path], tagger: TagBatch, form: str = "jsonl", size: int = 100) -> list[Done]:
    parts = plan(shards, part_bytes=size, part_rows=size)
    folder.mkdir(exist_ok=True)
    return [do_part(part, tagger, folder, form, "text") for part in parts]  # type: ignore[arg-type]


def rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in sorted(folder.glob("*.jsonl")) for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_every_line_is_in_one_part(tmp_path: Path, tagger: TagBatch, size: int) -> None:
    chance = random.Random(size)
    texts = ["x" * chance.randint(0, 20) + "\u00e9" for _ in range(60)]
    shard = tmp_path / "in.txt"
    shard.write_text("\n".join(texts), encoding="utf-8")
    done(tmp_path / "out", [shard], tagger, size=size)
    assert [row["text"] for row in rows(tmp_path / "out")] == texts


def test_jsonl_keeps_its_columns_and_says_what_is_wrong(tmp_path: Path, tagger: TagBatch) -> None:
    shard = tmp_path / "in.jsonl"
    shard.write_text('{"id": 1, "text": "Paris"}\n\n"Paris"\n[1]\nnonsense\n{"id": 2}\n{"text": 5}\n', encoding="utf-8")
    (came,) = done(tmp_path / "out", [shard], tagger, size=10_000)
    assert (came.documents, came.entities, came.errors) == (6, 2, 4)
    found = rows(tmp_path / "out")
    assert (found[0]["id"], found[0]["error"], len(found[0]["entities"])) == (1, "", 1)  # type: ignore[arg-type]
    assert [str(row["error"])[:14] for row in found[2:]] == [
        "neither a JSON",
        "not JSON (Expe",
        "not a text but",
        "not a text but",
    ]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_half_of_a_surrogate_pair_takes_nothing_from_its_neighbors(form: str, tmp_path: Path, tagger: TagBatch) -> None:
    """JSON can write it and UTF-8 cannot: one text that was cut within an emoji failed its part, each time anew."""
    shard, out = tmp_path / "in.jsonl", tmp_path / "out"
    shard.write_text(
        '{"text": "Paris \\ud83d", "n": {"\\ud83d": ["\\ud83d"]}}\n{"text": "to Paris"}\n', encoding="utf-8"
    )
    (came,) = done(out, [shard], tagger, form, size=10_000)
    assert (came.documents, came.entities, came.errors, came.problem) == (2, 2, 0, "")
    if form == "jsonl":
        assert [row["text"] for row in rows(out)] == ["Paris \ud83d", "to Paris"]
    else:
        found = pyarrow.parquet.read_table(out).to_pylist()
        assert [(row["text"], row["n"]) for row in found] == [
            ("Paris \ufffd", {"\ufffd": ["\ufffd"]}),
            ("to Paris", None),
        ]


def test_parquet_in_and_out(tmp_path: Path, tagger: TagBatch) -> None:
    table = pyarrow.table({"id": list(range(250)), "text": ["Paris" if n % 2 else None for n in range(250)]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet", row_group_size=90)
    came = done(tmp_path / "out", [tmp_path / "in.parquet"], tagger, "parquet", size=50)
    assert [each.documents for each in came] == [50, 40, 50, 40, 50, 20]
    out = pyarrow.parquet.read_table(tmp_path / "out").to_pylist()
    assert [row["id"] for row in out] == list(range(250))
    assert [len(row["entities"]) for row in out] == [n % 2 for n in range(250)]
    assert {row["error"] for row in out} == {"", "not a text but NoneType"}


def test_a_part_that_cannot_be_read_is_a_problem_and_leaves_nothing(tmp_path: Path, tagger: TagBatch) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": ["Paris"] * 50}), tmp_path / "in.parquet")
    parts = plan([tmp_path / "in.parquet"], part_bytes=1, part_rows=100)
    (tmp_path / "in.parquet").write_bytes(b"PAR1 no more")
    came = do_part(parts[0], tagger, tmp_path, "jsonl", "text")
    assert "in.parquet" in came.problem
    assert list(tmp_path.glob("*.jsonl*")) == []


def test_a_folder_keeps_to_one_job(tmp_path: Path) -> None:
    hold_to_plan(tmp_path / "out", {"bundle": "a", "parts": 3})
    hold_to_plan(tmp_path / "out", {"bundle": "a", "parts": 3})
    with pytest.raises(UsageError, match=r"another job \(other: bundle\)"):
        hold_to_plan(tmp_path / "out", {"bundle": "b", "parts": 3})
    (tmp_path / "out" / PLAN).unlink()
    (tmp_path / "out" / "part-000000.jsonl").touch()
    with pytest.raises(UsageError, match="it holds parts, and no plan"):
        hold_to_plan(tmp_path / "out", {"bundle": "a", "parts": 3})


def test_inputs_that_are_not_there_or_not_known(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        plan([tmp_path / "none"], part_bytes=1, part_rows=1)
    (tmp_path / "in.csv").touch()
    with pytest.raises(UsageError, match="name it with one of"):
        plan([tmp_path / "in.csv"], part_bytes=1, part_rows=1)


def test_fingerprint_changes_with_an_input(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a", encoding="utf-8")
    before = fingerprint([tmp_path])
    assert fingerprint([tmp_path]) == before
    (tmp_path / "in.txt").write_text("ab", encoding="utf-8")
    assert fingerprint([tmp_path]) != before
