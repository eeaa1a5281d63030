"""A request is plain values: complete by itself, and with an identity for going on with its output."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import pytest

from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import Wanted
from runtime.decode.options import Decoding
from runtime.tag.input.jsonl import Fields
from runtime.tag.request import JobRequest, ModelRequest
from tests.conftest import ROOT

_MODEL = ModelRequest(bundle=Path("b"))


def test_a_request_cannot_change_under_a_running_job() -> None:
    with pytest.raises(FrozenInstanceError):
        JobRequest().chunk = 7  # type: ignore[misc]


@pytest.mark.parametrize(
    "changed",
    [
        {"wanted": Wanted(precision="int8")},
        {"settings": {"tf32": "1"}},
        {"checkpoint": Path("c")},
        {"allow_uncertified": True},
        {"limited": True},
        {"windowing": Windowing(long="error")},
        {"decoding": Decoding(ignore=["LOC"])},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_changes_an_answer_changes_the_models_identity(changed: dict[str, object]) -> None:
    assert replace(_MODEL, **changed).identity() != _MODEL.identity()  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"threads": 3}, {"verbose": True}, {"bundle": Path("c")}])
def test_threads_and_the_bundles_place_do_not(changed: dict[str, object]) -> None:
    # The job adds the digest of the bundle's manifest: the same bundle may have moved.
    assert replace(_MODEL, **changed).identity() == _MODEL.identity()  # type: ignore[arg-type]


def test_only_what_is_read_and_written_is_the_jobs_identity() -> None:
    job = JobRequest()
    outside = {"texts": ("Oslo",), "inputs": ("a",), "output": "o", "resume": True, "chunk": 7, "progress": False}
    outside["max_text"] = 7
    for name, value in {**outside, "score_file": Path("s"), "format": "conll", "to": "html"}.items():
        assert replace(job, **{name: value}).identity() == job.identity()  # type: ignore[arg-type]
    inside = {"fields": Fields(text="body"), "word_column": 2, "gold_column": 2, "on_error": "skip", "score": True}
    inside["types"] = {"PERSON": "PER"}
    for name, value in inside.items():
        assert replace(job, **{name: value}).identity() != job.identity(), name  # type: ignore[arg-type]
    assert {*outside, *inside, "score_file", "format", "to"} == {field.name for field in fields(JobRequest)}


def test_values_alone_need_no_arrays() -> None:
    code = "import sys, runtime.tag.request; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == b"False\n"
