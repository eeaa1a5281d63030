"""The recipe as data, its presets, and the options that are made from its fields."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, fields

import pytest

from runtime.command_line import Parser
from runtime.errors import UsageError
from train.recipe import PRESETS, Recipe, add_recipe_options, as_typed, option_name, recipe_from_options

SEED = PRESETS["conll2003-bert-large-cased"]


def _options(*arguments: str) -> Namespace:
    parser = Parser(prog="train")
    add_recipe_options(parser)
    return parser.parse_args(arguments)


def test_the_seed_recipe_is_that_of_its_card() -> None:
    assert asdict(SEED) == {
        "base": "bert-large-cased",
        "corpus": "lhoestq/conll2003",
        "learning_rate": 3e-5,
        "train_batch": 5,
        "eval_batch": 5,
        "epochs": 4,
        "seed": 42,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": 0.0,
        "warmup_ratio": 0.0,
        "schedule": "linear",
        "gradient_clip": 1.0,
        "max_length": 512,
        "group_by_length": False,
        "joined": 0.0,
        "bf16": False,
    }


def test_the_seed_recipe_takes_its_steps_on_conll_2003() -> None:
    assert SEED.steps_per_epoch(14041) == 2809
    assert SEED.steps_per_epoch(14041) * SEED.epochs == 11236


def test_without_options_the_recipe_is_that_for_a_small_base() -> None:
    assert recipe_from_options(_options()) == PRESETS["small"]


def test_the_quick_start_reads_each_sentence_once() -> None:
    quick = recipe_from_options(_options("--preset", "quickstart"))
    assert (quick.epochs, quick.joined, quick.bf16) == (1, 0.5, True)
    assert (quick.base, quick.corpus) == (PRESETS["small"].base, PRESETS["small"].corpus)


def _another(value: object) -> object:
    """Another value that is allowed wherever `value` is."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 or 0.25
    return "cosine" if value == "linear" else "other"


@pytest.mark.parametrize("name", [item.name for item in fields(Recipe)])
def test_every_field_has_an_option_that_overrides_the_preset(name: str) -> None:
    value = _another(getattr(SEED, name))
    given = [option_name(name)] if isinstance(value, bool) else [option_name(name), str(value)]
    recipe = recipe_from_options(_options("--preset", "conll2003-bert-large-cased", *given))
    assert asdict(recipe) == {**asdict(SEED), name: value}


def test_a_flag_can_be_taken_back() -> None:
    assert not recipe_from_options(_options("--no-group-by-length")).group_by_length


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--learning-rate", "-1", "above 0"),
        ("--learning-rate", "0", "above 0"),
        ("--learning-rate", "nan", "above 0"),
        ("--learning-rate", "inf", "above 0"),
        ("--learning-rate", "fast", "invalid float value"),
        ("--epochs", "0", "from 1"),
        ("--epochs", "1.5", "invalid int value"),
        ("--train-batch", "0", "from 1"),
        ("--eval-batch", "-3", "from 1"),
        ("--seed", "-1", "from 0"),
        ("--beta1", "1", "to below 1"),
        ("--warmup-ratio", "1.1", "to 1"),
        ("--gradient-clip", "-1", "from 0"),
        ("--max-length", "2", "from 3"),
        ("--schedule", "steep", "one of linear"),
        ("--preset", "best", "quickstart"),
    ],
)
def test_a_value_out_of_bounds_is_an_error_that_names_the_option(option: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as caught:
        recipe_from_options(_options(option, value))
    assert option in str(as_typed(caught.value))
