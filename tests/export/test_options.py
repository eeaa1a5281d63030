"""Options that exporting and certifying share."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.options import VariantOptions, add_options
from runtime.command_line import Parser
from runtime.errors import UsageError
from runtime.system.libraries import available_threads


def parser() -> Parser:
    made = Parser(prog="python -m export")
    add_options(made)
    return made


def test_all_sentences_and_all_cpus_are_the_default() -> None:
    options = parser().parse_args(["--corpus", "corpus"])
    assert (options.corpus, options.sentences, options.threads) == (Path("corpus"), 0, available_threads())
    assert not options.limited_evidence


@pytest.mark.parametrize("given", [[], ["--corpus", "x", "--threads", "0"], ["--corpus", "x", "--sentences", "many"]])
def test_a_mistake_is_a_usage_error(given: list[str]) -> None:
    with pytest.raises(UsageError):
        parser().parse_args(given)


def test_no_lower_precision_is_made_unless_asked_for() -> None:
    assert VariantOptions() == VariantOptions(precisions=(), sentences=(), seven_bit=False)
