"""Whole runs on a tiny model: the table is the same again, also after an interruption, and the checkpoint is whole."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from shutil import copytree

import pytest
from safetensors.torch import load_file

from runtime.conll import Sentence
from runtime.errors import UsageError
from tests.tiny import TEXT
from train.base import find_base
from train.corpus import Corpus, corpus_of
from train.finetune import finetune
from train.recipe import PRESETS, Recipe
from train.table import Row
from train.work import open_work

TRAIN, EPOCHS, BATCH = 50, 3, 8
STEPS = 7  # of an epoch: 6 full batches and one of two sentences
RECIPE = replace(
    PRESETS["quickstart"], epochs=EPOCHS, train_batch=BATCH, eval_batch=16, max_length=64, learning_rate=5e-3
)
PEOPLE = ("Maria Keller", "John Abara", "Peter Lund", "Anna Lund")
PLACES = ("Lisbon", "Oslo", "Nairobi")


def _sentence(chance: random.Random) -> Sentence:
    """Three to six filler words, a person and a place: enough for a tiny model to learn."""
    filler = [word for word in " ".join(TEXT).split() if word.islower()]
    first, last = chance.choice(PEOPLE).split()
    fillers = chance.choices(filler, k=chance.randint(3, 6))
    words = (first, last, *fillers, chance.choice(PLACES), ".")
    return Sentence(words, ("B-PER", "I-PER", *("O" for _ in fillers), "B-LOC", "O"))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    chance = random.Random(5)
    return corpus_of("own", [_sentence(chance) for _ in range(TRAIN)], [_sentence(chance) for _ in range(20)])


Run = Callable[..., list[Row]]


@pytest.fixture
def run(tiny_model: Path, corpus: Corpus, tmp_path: Path) -> Run:
    """Trains towards a folder in tmp_path, and is interrupted once it has made `interrupt_after` rows."""

    def train(
        recipe: Recipe = RECIPE, *, output: str = "model", resume: bool = False, interrupt_after: int = 99
    ) -> list[Row]:
        rows: list[Row] = []

        def report(row: Row) -> None:
            rows.append(row)
            if len(rows) == interrupt_after:
                raise KeyboardInterrupt

        with open_work(tmp_path / output, asdict(recipe), resume=resume) as work:
            trained = finetune(recipe, corpus, find_base(str(tiny_model)), work=work, save_every=3, report=report)
            assert list(trained.rows) == rows
            trained.model.save_pretrained(tmp_path / output)
        return rows

    return train


def test_it_learns_and_counts_its_steps(run: Run) -> None:
    rows = run()
    assert [(row.epoch, row.step) for row in rows] == [(1, STEPS), (2, 2 * STEPS), (3, 3 * STEPS)]
    assert rows[-1].training_loss < rows[0].training_loss
    assert rows[-1].f1 > 0.9
    assert rows[-1].accuracy > 0.9


def test_the_same_recipe_gives_the_same_table_and_another_seed_another(run: Run) -> None:
    recipe = replace(RECIPE, epochs=1)
    first = run(recipe, output="one")
    assert run(recipe, output="two") == first
    assert run(replace(recipe, seed=43), output="three") != first


@pytest.mark.parametrize("interrupt_after", [1, 2])
def test_an_interrupted_run_ends_as_if_it_had_not_been(run: Run, tmp_path: Path, interrupt_after: int) -> None:
    whole = run(output="whole")
    # In the midst of an epoch: the last checkpoint is of step 6 or 12, before the row that was made.
    with pytest.raises(KeyboardInterrupt):
        run(interrupt_after=interrupt_after)
    assert not (tmp_path / "model").exists()
    assert run(resume=True) == whole
    weights, expected = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "whole"))
    assert all((weights[name] == expected[name]).all() for name in expected)


def test_a_run_interrupted_after_its_last_step_has_its_table_still(run: Run, tmp_path: Path) -> None:
    whole = run()
    assert [path.name for path in (tmp_path / "model.training").glob("checkpoint-*")] == [f"checkpoint-{3 * STEPS}"]
    assert run(resume=True) == whole


def test_a_loss_that_is_no_number_ends_the_run(run: Run) -> None:
    with pytest.raises(UsageError, match=r"--learning-rate: with 1e\+30 the loss is nan at step"):
        run(replace(RECIPE, learning_rate=1e30, gradient_clip=0.0))


def test_words_that_are_cut_off_are_said(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(replace(RECIPE, epochs=1, max_length=6))
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "warning: training: " in warnings[0]
    assert "of 50 sentences lie beyond 6 word pieces: they are not learnt" in warnings[0]
    assert "of 20 sentences lie beyond 6 word pieces: they count as O" in warnings[1]
