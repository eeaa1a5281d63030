"""Callbacks of the Trainer: when to log, validate and save, what the user sees meanwhile, and when to give up.

The signatures are the Trainer's, which calls every callback with more keywords than it needs.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from runtime.errors import UsageError
from train.score_table import Row, rows_of

_PLAIN_SECONDS = 30.0
"""Between two lines of progress where there is no terminal."""


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


class Bar(ProgressCallback):
    """The Trainer's progress bar on a terminal, without its copy of the log on standard output."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Nothing: the table says it."""


class Lines(TrainerCallback):
    """A line of progress on standard error now and then, where no terminal shows a bar."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = self._said = 0.0
        self._first = 0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Start the clock."""
        self._began = self._said = self._clock()
        self._first = state.global_step

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object) -> None:
        """Step and the time that is left at the pace so far."""
        # By time, not by steps: a step takes milliseconds or minutes.
        now = self._clock()
        if now - self._said >= _PLAIN_SECONDS:
            self._said = now
            # Steps that a resumed run has behind it were not timed here.
            pace = (now - self._began) / (state.global_step - self._first)
            left = timedelta(seconds=round(pace * (state.max_steps - state.global_step)))
            print(f"step {state.global_step} of {state.max_steps}, {left} left", file=sys.stderr, flush=True)
