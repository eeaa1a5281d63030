"""A recipe, a corpus and a base -> a model and its score table, by the Hugging Face Trainer.

The same recipe, corpus and number of threads give the same table again, also when the run was interrupted. It knows
nothing of command lines, model cards or how the result gets its name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader
from transformers import (
    DataCollatorForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_callback import PrinterCallback, TrainerCallback

from runtime.errors import CorpusError, UsageError
from runtime.screen.display import stage
from runtime.system.cpu import has_bf16
from train.align import Loss, describe
from train.base import Base
from train.callbacks import Clock, Progress, Reporter
from train.corpus.load import Corpus
from train.epoch_order import EpochOrder
from train.examples import Example, Validation, examples_of
from train.joined import with_joined
from train.model import check_max_length, labels_of, load_config, load_model, load_tokenizer
from train.recipe import Recipe
from train.score_table import Row, rows_of
from train.work_folder import WorkFolder, storage_checked


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
class _Prepared:
    """All that a Trainer needs but the weights."""

    tokenizer: PreTrainedTokenizerFast
    config: PretrainedConfig
    keep_classifier: bool
    training: Sequence[dict[str, list[int]]]
    validation: Validation


class _OrderedTrainer(Trainer):
    """A Trainer whose sentences come in EpochOrder, which can be told again after an interruption."""

    def __init__(self, *, order: EpochOrder, bf16: bool, **trainer: Any) -> None:
        super().__init__(**trainer)
        self._order, self._bf16 = order, bf16

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Batches of the training examples."""
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_size=self.args.per_device_train_batch_size,
            sampler=self._order,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def compute_loss_context_manager(self) -> AbstractContextManager[Any]:
        """Around each step's forward pass. The table is in fp32, as all figures of a checkpoint are."""
        # Not TrainingArguments.bf16, which makes validation round, too.
        training = self.model is not None and self.model.training
        return torch.autocast(self.args.device.type, torch.bfloat16, enabled=self._bf16 and training)


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
        save_every: optimizer steps between two checkpoints; each epoch's end has one besides.
        report: given each row of the table as it is made; those of the epochs before an interruption too.

    Raises:
        CheckpointError: the base cannot be loaded.
        UsageError: the recipe asks for what the base or the device cannot do, or the loss diverges.
        StorageError: a checkpoint cannot be written.
    """
    _be_deterministic(recipe.seed)
    prepared = _prepare(recipe, corpus, base)
    model = load_model(base, prepared.config, keep_classifier=prepared.keep_classifier)
    steps = recipe.steps_per_epoch(len(prepared.training))
    watchers = (
        Clock(save_every=save_every, steps_per_epoch=steps, prune=work.prune),
        Progress(),
        Reporter(report),
    )
    trainer = _trainer(recipe, prepared, model, _arguments(recipe, work.folder), watchers)
    with stage("train", total=steps * recipe.epochs) as training:
        _train(trainer, work)
        training.remark = f"{trainer.state.global_step:,} steps"
    rows = tuple(rows_of(trainer.state.log_history))
    return Trained(model, prepared.tokenizer, rows, prepared.validation.labels, trainer.args.device.type)


def _prepare(recipe: Recipe, corpus: Corpus, base: Base) -> _Prepared:
    tokenizer = load_tokenizer(base)
    config, keep_classifier = load_config(base, corpus.labels)
    check_max_length(recipe.max_length, base.longest)
    # What the saved tokenizer will say of the model, whatever this run cut at.
    tokenizer.model_max_length = base.longest
    labels = labels_of(config)
    # Sentences of like length are validated together; their order changes nothing but the padding.
    valid = sorted(corpus.valid, key=lambda s: len(s.words)) if recipe.group_by_length else corpus.valid
    texts = with_joined(corpus.train, share=recipe.joined, seed=recipe.seed, max_length=recipe.max_length)
    training = examples_of(tokenizer, texts, labels, recipe.max_length)
    validation = Validation(valid, examples_of(tokenizer, valid, labels, recipe.max_length), labels)
    _warn("training", training, recipe.max_length, "they are not learned")
    _warn("validation", validation.examples, recipe.max_length, "they count as O")
    return _Prepared(tokenizer, config, keep_classifier, _features(training, "training"), validation)


def _be_deterministic(seed: int) -> None:
    # cuBLAS reads this when it starts; without it, its matrix products may differ from run to run.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory takes time, and all that we read was written before.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    set_seed(seed)


def _trainer(
    recipe: Recipe,
    prepared: _Prepared,
    model: PreTrainedModel,
    arguments: TrainingArguments,
    watchers: Sequence[TrainerCallback],
) -> Trainer:
    order = EpochOrder(
        [len(features["input_ids"]) for features in prepared.training],
        batch=recipe.train_batch,
        seed=recipe.seed,
        grouped=recipe.group_by_length,
    )
    trainer = _OrderedTrainer(
        order=order,
        bf16=recipe.bf16 and _multiplies_in_bf16(arguments.device),
        model=model,
        args=arguments,
        train_dataset=prepared.training,
        eval_dataset=_features(prepared.validation.examples, "validation"),
        processing_class=prepared.tokenizer,
        data_collator=DataCollatorForTokenClassification(prepared.tokenizer),
        compute_metrics=prepared.validation.scores,
        preprocess_logits_for_metrics=lambda logits, labels: logits.argmax(-1),
        callbacks=list(watchers),
    )
    # The watchers show what there is to see.
    trainer.remove_callback(PrinterCallback)  # type: ignore[no-untyped-call]
    return trainer


def _multiplies_in_bf16(device: torch.device) -> bool:
    """Whether the CPU or GPU does so itself. Where it must be emulated, it is slower than fp32."""
    return torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else has_bf16()


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
    # The recipe's batch is the whole batch: on a machine with two GPUs the Trainer would double it.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _features(examples: Sequence[Example], part: str) -> list[dict[str, list[int]]]:
    features = [example.features for example in examples if example.labeled]
    if not features:
        raise CorpusError(f"{part} part", "no sentence with a token", "give text in the base's script")
    return features


def _warn(part: str, examples: Sequence[Example], max_length: int, result: str) -> None:
    lost = describe(sum((example.loss for example in examples), Loss()), max_length)
    if lost:
        print(f"warning: {part}: {lost}: {result}", file=sys.stderr)


def _train(trainer: Trainer, work: WorkFolder) -> None:
    checkpoint = work.last_checkpoint()
    try:
        with storage_checked(work.folder):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.OutOfMemoryError as error:
        problem = f"{trainer.args.train_batch_size} sentences do not fit into the GPU's memory"
        raise UsageError("train_batch", problem, "give a smaller one") from error
