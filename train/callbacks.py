"""Callbacks of the Trainer: when to log, validate and save, what the user sees meanwhile, and when to give up.

The signatures are the Trainer's, which calls every callback with more keywords than it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from runtime.errors import UsageError
from runtime.screen.display import reached
from train.score_table import Row, rows_of


class Clock(TrainerCallback):
    """Validation at each epoch's end, a checkpoint there and every `save_every` steps in between."""

    def __init__(self, *, save_every: int, steps_per_epoch: int, prune: Callable[[], None]) -> None:
        self._save_every, self._steps_per_epoch, self._prune = save_every, steps_per_epoch, prune

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Save between epochs; not at an epoch's end, where a checkpoint without its scores would lose them."""
        due = state.global_step % self._save_every == 0 and state.global_step % self._steps_per_epoch
        if due:
            # The Trainer forgets the losses that it has not logged when it resumes.
            control.should_log = control.should_save = True
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> TrainerControl:
        """Log, validate and save, in the Trainer's own order: the checkpoint holds the scores."""
        control.should_log = control.should_evaluate = control.should_save = True
        return control

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Raise UsageError when the loss is no number: every step from there on would be lost."""
        loss = state.log_history[-1].get("loss", 0.0)
        if not math.isfinite(loss):
            problem = f"with {args.learning_rate:g} the loss is {loss} at step {state.global_step}"
            raise UsageError("learning_rate", problem, "give a smaller one")

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Remove the checkpoints before this one, which is whole by now."""
        self._prune()


class Reporter(TrainerCallback):
    """Hands each row of the score table on as it is made, and those of a resumed run first."""

    def __init__(self, report: Callable[[Row], None]) -> None:
        self._report = report

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Rows of the epochs before the interruption."""
        for row in rows_of(state.log_history):
            self._report(row)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """The row of the epoch that has just been validated."""
        self._report(rows_of(state.log_history)[-1])


class Progress(TrainerCallback):
    """Tells the screen how many steps are done."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Those that a resumed run has behind it."""
        reached(state.global_step, "training")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """One more."""
        reached(state.global_step, "training")

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Validation comes next, which has no steps."""
        reached(state.global_step, "validating")
