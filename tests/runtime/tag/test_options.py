"""A command line comes to values; what a byte of the output can depend on is in their identity, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.batch.windowing import Windowing
from runtime.bundle.certificate import Wanted
from runtime.decode.options import Decoding
from runtime.errors import UsageError
from runtime.tag.options import parse


def test_without_options_the_fastest_certified_candidate_is_wanted() -> None:
    request = parse(["Oslo"])
    assert request.job.texts == ("Oslo",)
    assert request.model.wanted == Wanted()
    assert request.model.bundle == Path("build/bundle")


def test_options_are_values() -> None:
    line = "--backend openvino --precision int8 --device cpu --file a.onnx --stride 7 --long error --ignore LOC"
    request = parse(
        [*line.split(), "--threshold", "PER=0.5", "--backend-option", "tf32=1", "-i", "a", "b", "--score-file", "s"]
    )
    model = request.model
    assert model.wanted == Wanted(backend="openvino", precision="int8", device="cpu", file="a.onnx")
    assert model.windowing == Windowing(long="error", stride=7)
    assert model.decoding == Decoding(thresholds={"PER": 0.5}, ignore=["LOC"])
    assert model.settings == {"tf32": "1"}
    assert (request.job.inputs, request.job.score) == (("a", "b"), True)


def test_a_context_by_itself_is_a_wish_to_read_in_context() -> None:
    assert parse(["--context", "8", "Oslo"]).model.windowing == Windowing(context=8)
    with pytest.raises(UsageError, match="context: 8 tokens, and reading by windows takes none"):
        parse(["--read", "windows", "--context", "8", "Oslo"])
    with pytest.raises(UsageError, match="'0' is neither a number from 1 on nor auto"):
        parse(["--context", "0", "Oslo"])


@pytest.mark.parametrize(
    "changed",
    [
        ["--backend", "openvino"],
        ["--precision", "int8"],
        ["--device", "cpu"],
        ["--file", "a.onnx"],
        ["--backend-option", "tf32=1"],
        ["--checkpoint", "c"],
        ["--allow-uncertified"],
        ["--long", "error"],
        ["--stride", "1"],
        ["--context", "8"],
        ["--aggregation", "first"],
        ["--constrained"],
        ["--threshold", "PER=0.5"],
        ["--ignore", "LOC"],
        ["--field", "body"],
        ["--words-field", "w"],
        ["--gold-field", "g"],
        ["--answer-field", "a"],
        ["--word-column", "2"],
        ["--gold-column", "2"],
        ["--on-error", "skip"],
        ["--score"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_changes_the_output_is_part_of_its_identity(changed: list[str]) -> None:
    def identity(arguments: list[str]) -> dict[str, str]:
        request = parse([*arguments, "-i", "a"])
        return request.job.identity() | request.model.identity()

    before, after = identity([]), identity(changed)
    assert [name for name in before if before[name] != after[name]] == [changed[0].lstrip("-").replace("-", "_")]


@pytest.mark.parametrize("changed", [["--threads", "1"], ["--chunk", "7"], ["--no-progress"], ["-o", "x"], ["-v"]])
def test_what_changes_no_byte_is_no_part_of_it(changed: list[str]) -> None:
    plain, other = parse(["-i", "a"]), parse(["-i", "a", *changed])
    assert plain.job.identity() | plain.model.identity() == other.job.identity() | other.model.identity()


def test_a_value_that_there_is_not_is_said_before_anything_is_opened() -> None:
    with pytest.raises(UsageError, match="aggregation: unknown: 'words'"):
        parse(["Oslo", "--aggregation", "words"])
