"""Whole runs on a tiny model: the table is the same again, also after an interruption, and the checkpoint is whole."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
import torch

from runtime.errors import UsageError
from runtime.text.conll import Sentence
from tests.tiny import TEXT
from train.base import find_base
from train.corpus.load import Corpus, corpus_of
from train.finetune import finetune
from train.recipe import PRESETS, Recipe
from train.score_table import Row
from train.work_folder import open_work

TRAIN, EPOCHS, BATCH = 50, 3, 8
STEPS = 7  # of an epoch: 6 full batches and one of two sentences
RECIPE = replace(PRESETS["small"], epochs=EPOCHS, train_batch=BATCH, eval_batch=16, max_length=64, learning_rate=5e-3)
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


@dataclass(frozen=True)
class Outcome:
    """What a run gave: its table, its weights, and the folder where it left its checkpoints."""

    rows: list[Row]
    weights: dict[str, torch.Tensor]
    output: Path


Run = Callable[..., Outcome]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads on so little work wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def run(tiny_model: Path, corpus: Corpus) -> Run:
    """Trains towards `output`, and is interrupted once it has made `interrupt_after` rows."""

    def train(output: Path, *, recipe: Recipe = RECIPE, resume: bool = False, interrupt_after: int = 99) -> Outcome:
        rows: list[Row] = []

        def report(row: Row) -> None:
            rows.append(row)
            if len(rows) == interrupt_after:
                raise KeyboardInterrupt

        with open_work(output, asdict(recipe), resume=resume) as work:
            trained = finetune(recipe, corpus, find_base(str(tiny_model)), work=work, save_every=3, report=report)
        assert list(trained.rows) == rows
        return Outcome(rows, trained.model.state_dict(), output)

    return train


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run from beginning to end."""
    return run(tmp_path_factory.mktemp("whole") / "model")


def _same(one: Outcome, other: Outcome) -> bool:
    return one.rows == other.rows and all(torch.equal(one.weights[name], other.weights[name]) for name in other.weights)


def test_it_learns_and_counts_its_steps(whole: Outcome) -> None:
    first, *_, last = whole.rows
    assert [(row.epoch, row.step) for row in whole.rows] == [(1, STEPS), (2, 2 * STEPS), (3, 3 * STEPS)]
    assert last.training_loss < first.training_loss
    assert last.f1 > 0.9
    assert last.accuracy > 0.9


def test_joined_texts_and_bf16_teach_the_same(run: Run, tmp_path: Path) -> None:
    recipe = replace(RECIPE, joined=0.5, bf16=True, epochs=6)
    last = run(tmp_path / "model", recipe=recipe).rows[-1]
    assert last.step < 6 * STEPS
    assert last.f1 > 0.9


def test_the_same_recipe_gives_the_same_table_and_weights(run: Run, whole: Outcome, tmp_path: Path) -> None:
    assert _same(run(tmp_path / "model"), whole)


def test_an_interrupted_run_ends_as_if_it_had_not_been(run: Run, whole: Outcome, tmp_path: Path) -> None:
    # The row is made before the epoch's checkpoint: the run goes on from step 12, in the midst of the second epoch.
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "model", interrupt_after=2)
    assert [path.name for path in (tmp_path / "model.training").glob("checkpoint-*")] == ["checkpoint-12"]
    assert _same(run(tmp_path / "model", resume=True), whole)


def test_a_run_interrupted_after_its_last_step_has_its_table_still(run: Run, whole: Outcome) -> None:
    checkpoints = whole.output.with_name("model.training").glob("checkpoint-*")
    assert [path.name for path in checkpoints] == [f"checkpoint-{3 * STEPS}"]
    assert _same(run(whole.output, resume=True), whole)


def test_a_loss_that_is_no_number_ends_the_run(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"learning_rate: with 1e\+30 the loss is nan at step"):
        run(tmp_path / "model", recipe=replace(RECIPE, learning_rate=1e30, gradient_clip=0.0))


def test_words_that_are_cut_off_are_said(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "model", recipe=replace(RECIPE, epochs=1, max_length=6))
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2
    assert "warning: training: " in warnings[0]
    assert "of 50 sentences lie beyond 6 tokens: they are not learned" in warnings[0]
    assert "of 20 sentences lie beyond 6 tokens: they count as O" in warnings[1]
