"""Recipe x corpus x base -> a model and its score table, by the Hugging Face Trainer.

The same recipe, corpus and number of threads give the same table again, also when the run was interrupted. It knows
nothing of command lines, model cards or how the result gets its name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from torch.utils.data import DataLoader
from transformers import (
    DataCollatorForTokenClassification,
    EvalPrediction,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from runtime.conll import Sentence
from runtime.errors import CorpusError, StorageError, UsageError
from runtime.spans import OUTSIDE
from train.align import Loss, describe, word_labels
from train.base import Base
from train.corpus import Corpus
from train.model import (
    Example,
    check_max_length,
    examples_of,
    load_config,
    load_model,
    load_tokenizer,
    longest_input,
)
from train.order import EpochOrder
from train.recipe import Recipe
from train.table import Row, rows_of
from train.watch import Bar, Clock, Lines, Reporter
from train.work import WorkFolder


@dataclass(frozen=True, slots=True)
class Trained:
    """What a run gives.

    Attributes:
        model: with the weights of the last epoch.
        tokenizer: to be saved beside it.
        rows: the score table, one row an epoch.
        labels: the model's labels by index.
        device: where it was trained: cpu or cuda.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    rows: tuple[Row, ...]
    labels: tuple[str, ...]
    device: str


@dataclass(frozen=True, slots=True)
class Validation:
    """Sentences to measure on, and those of them that have a word piece to measure."""

    sentences: Sequence[Sentence]
    examples: Sequence[Example]
    labels: tuple[str, ...]

    def scores(self, prediction: EvalPrediction) -> dict[str, float]:
        """Entity precision, recall and F1 and word accuracy over every word: one without a piece counts as "O".

        Args:
            prediction: label index of each piece. [labelled examples, pieces]
        """
        outside = self.labels.index(OUTSIDE)
        pieces = iter(np.asarray(prediction.predictions))
        found = []
        for sentence, example in zip(self.sentences, self.examples, strict=True):
            of_pieces = next(pieces).tolist() if example.labelled else ()
            kept = example.word_ids if example.labelled else ()
            tags = word_labels(kept, of_pieces, len(sentence.words), outside)
            found.append([self.labels[tag] for tag in tags])
        gold = [list(sentence.labels) for sentence in self.sentences]
        return {
            "precision": float(precision_score(gold, found, zero_division=0)),
            "recall": float(recall_score(gold, found, zero_division=0)),
            "f1": float(f1_score(gold, found, zero_division=0)),
            "accuracy": float(accuracy_score(gold, found)),
        }


class _OrderedTrainer(Trainer):  # type: ignore[misc]
    """A Trainer whose sentences come in EpochOrder, which can be told again after an interruption."""

    def __init__(self, *, order: EpochOrder, **trainer: Any) -> None:
        super().__init__(**trainer)
        self._order = order

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of the training examples."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,
            batch_size=self.args.per_device_train_batch_size,
            sampler=self._order,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared


def finetune(
    recipe: Recipe,
    corpus: Corpus,
    base: Base,
    *,
    work: WorkFolder,
    save_every: int,
    report: Callable[[Row], None],
) -> Trained:
    """Train, from the work folder's last checkpoint or, where there is none, from the beginning.

    Args:
        recipe: hyper-parameters.
        corpus: what to learn from and to measure on.
        base: where the weights start.
        work: folder for the Trainer's checkpoints.
        save_every: optimiser steps between two checkpoints; each epoch's end has one besides.
        report: given each row of the table as it is made; those of the epochs before an interruption too.

    Raises:
        CheckpointError: the base cannot be loaded.
        UsageError: the recipe asks for what the base or the device cannot do, or the loss diverges.
        StorageError: a checkpoint cannot be written.
    """
    _be_deterministic(recipe.seed)
    tokenizer = load_tokenizer(base)
    config, keep_classifier = load_config(base, corpus.labels)
    longest = longest_input(config, tokenizer)
    check_max_length(recipe.max_length, longest)
    tokenizer.model_max_length = longest
    labels = tuple(config.id2label[index] for index in sorted(config.id2label))
    # Sentences of like length are validated together; their order changes nothing but the padding.
    valid = sorted(corpus.valid, key=lambda s: len(s.words)) if recipe.group_by_length else corpus.valid
    training = examples_of(tokenizer, corpus.train, labels, recipe.max_length)
    validation = Validation(valid, examples_of(tokenizer, valid, labels, recipe.max_length), labels)
    _warn("training", training, recipe.max_length, "they are not learnt")
    _warn("validation", validation.examples, recipe.max_length, "they count as O")
    trainer = _trainer(
        recipe,
        model=load_model(base, config, keep_classifier=keep_classifier),
        tokenizer=tokenizer,
        training=_features(training, "training"),
        validation=validation,
        work=work.folder,
    )
    steps = recipe.steps_per_epoch(len(trainer.train_dataset))
    trainer.add_callback(Clock(save_every=save_every, steps_per_epoch=steps, prune=work.prune))
    trainer.add_callback(Reporter(report))
    trainer.add_callback(Bar() if sys.stderr.isatty() else Lines())
    _train(trainer, work.last_checkpoint())
    rows = tuple(rows_of(trainer.state.log_history))
    return Trained(trainer.model, tokenizer, rows, labels, trainer.args.device.type)


def _be_deterministic(seed: int) -> None:
    # cuBLAS reads this when it starts; without it, its matrix products may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # What fresh memory holds matters to nobody who writes before reading, and filling it takes time.
    torch.utils.deterministic.fill_uninitialized_memory = False
    set_seed(seed)


def _trainer(
    recipe: Recipe,
    *,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    training: Sequence[dict[str, list[int]]],
    validation: Validation,
    work: Path,
) -> Trainer:
    order = EpochOrder(
        [len(features["input_ids"]) for features in training],
        batch=recipe.train_batch,
        seed=recipe.seed,
        grouped=recipe.group_by_length,
    )
    trainer = _OrderedTrainer(
        order=order,
        model=model,
        args=_arguments(recipe, work),
        train_dataset=training,
        eval_dataset=_features(validation.examples, "validation"),
        processing_class=tokenizer,
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=validation.scores,
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
    )
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ == "PrinterCallback":
            trainer.remove_callback(callback)
    return trainer


def _arguments(recipe: Recipe, work: Path) -> TrainingArguments:
    arguments = TrainingArguments(
        output_dir=str(work),
        per_device_train_batch_size=recipe.train_batch,
        per_device_eval_batch_size=recipe.eval_batch,
        num_train_epochs=recipe.epochs,
        seed=recipe.seed,
        learning_rate=recipe.learning_rate,
        adam_beta1=recipe.beta1,
        adam_beta2=recipe.beta2,
        adam_epsilon=recipe.epsilon,
        weight_decay=recipe.weight_decay,
        warmup_ratio=recipe.warmup_ratio,
        lr_scheduler_type=recipe.schedule,
        max_grad_norm=recipe.gradient_clip,
        # Clock decides when to log, validate and save.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        logging_nan_inf_filter=False,
        save_safetensors=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
        report_to=[],
    )
    # The recipe's batch is the whole batch: on a machine with two cards the Trainer would double it.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _features(examples: Sequence[Example], part: str) -> list[dict[str, list[int]]]:
    features = [example.features for example in examples if example.labelled]
    if not features:
        raise CorpusError(f"{part} part", "no sentence with a word piece", "give text in the base's script")
    return features


def _warn(part: str, examples: Sequence[Example], max_length: int, result: str) -> None:
    lost = describe(sum((example.loss for example in examples), Loss()), max_length)
    if lost:
        print(f"warning: {part}: {lost}: {result}", file=sys.stderr)


def _train(trainer: Trainer, checkpoint: Path | None) -> None:
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        found = f"{trainer.args.train_batch_size} sentences do not fit the card's memory"
        raise UsageError("--train-batch", found, "give a smaller one") from error
    except RuntimeError as error:
        # torch's writer of archives reports a full disk so, without the system's error number.
        if "PytorchStreamWriter" in str(error) or "iostream error" in str(error):
            do = "free some space and go on with --resume"
            raise StorageError(trainer.args.output_dir, "a checkpoint could not be written", do) from error
        raise
