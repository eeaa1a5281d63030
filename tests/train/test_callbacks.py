"""What the callbacks tell the Trainer, and what they show."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from runtime.errors import UsageError
from runtime.screen.display import showing, stage
from tests.fakes.screen import FakeScreen
from train.callbacks import Clock, Progress, Reporter
from train.score_table import Row

STEPS = 10


@pytest.fixture
def arguments(tmp_path: Path) -> TrainingArguments:
    return TrainingArguments(output_dir=str(tmp_path), learning_rate=3e-5, report_to=[], use_cpu=True)


def at(step: int, **log: float) -> TrainerState:
    """The Trainer's state after that step, of 30."""
    history = [{"step": step, **log}] if log else []
    return TrainerState(global_step=step, max_steps=3 * STEPS, log_history=history)


def test_checkpoints_come_between_epochs_and_not_at_their_ends(arguments: TrainingArguments) -> None:
    clock = Clock(save_every=5, steps_per_epoch=STEPS, prune=lambda: None)
    saved = [step for step in range(1, 31) if clock.on_step_end(arguments, at(step), TrainerControl()).should_save]
    # The end of an epoch has its own, which holds the scores.
    assert saved == [5, 15, 25]
    control = clock.on_epoch_end(arguments, at(10), TrainerControl())
    assert (control.should_log, control.should_evaluate, control.should_save) == (True, True, True)


def test_older_checkpoints_go_once_a_new_one_is_whole(arguments: TrainingArguments) -> None:
    pruned: list[int] = []
    clock = Clock(save_every=5, steps_per_epoch=STEPS, prune=lambda: pruned.append(1))
    clock.on_save(arguments, at(5), TrainerControl())
    assert pruned == [1]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_run(arguments: TrainingArguments, loss: float) -> None:
    clock = Clock(save_every=5, steps_per_epoch=STEPS, prune=lambda: None)
    clock.on_log(arguments, at(5, loss=0.7), TrainerControl())
    with pytest.raises(UsageError, match=f"learning_rate: with 3e-05 the loss is {loss} at step 5"):
        clock.on_log(arguments, at(5, loss=loss), TrainerControl())


def test_rows_before_an_interruption_are_shown_again(arguments: TrainingArguments) -> None:
    rows: list[Row] = []
    reporter = Reporter(rows.append)
    scores = {"eval_loss": 0.5, "eval_precision": 0.7, "eval_recall": 0.6, "eval_f1": 0.65, "eval_accuracy": 0.9}
    state = at(STEPS)
    state.log_history = [{"step": 10, "epoch": 1.0, "loss": 0.8}, {"step": 10, "epoch": 1.0, **scores}]
    reporter.on_train_begin(arguments, state, TrainerControl())
    assert [(row.epoch, row.step, row.f1) for row in rows] == [(1, 10, 0.65)]
    state.log_history += [{"step": 20, "epoch": 2.0, "loss": 0.4}, {"step": 20, "epoch": 2.0, **scores}]
    reporter.on_evaluate(arguments, state, TrainerControl())
    assert [row.epoch for row in rows] == [1, 2]


def test_the_screen_is_told_how_far_the_run_is(arguments: TrainingArguments) -> None:
    progress = Progress()
    with showing(screen := FakeScreen()), stage("train", total=30):
        progress.on_train_begin(arguments, at(8), TrainerControl())
        progress.on_step_end(arguments, at(9), TrainerControl())
        progress.on_epoch_end(arguments, at(9), TrainerControl())
    assert screen.lines[1:-1] == ["progress 8 training", "progress 9 training", "progress 9 validating"]
