"""What is read of a checkpoint's config.json and tokenizer_config.json, by one schema of types and ranges.

Both files come from others, and reach libraries that believe them: a wrong type ends there in a traceback, and a
configuration of 100,000 layers in a process that builds them for hours. Fields that nobody here reads are left alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import CheckpointError
from runtime.system.files import read_regular

CONFIG, TOKENIZER_CONFIG = "config.json", "tokenizer_config.json"
_INTACT = "take an intact copy of it"
# Added tokens can make a tokenizer_config.json megabytes long.
_LARGEST = 1 << 25
# A row needs its two special tokens and one more; the word alone would have no context.
_SHORTEST_ROW = 4


@dataclass(frozen=True, slots=True)
class _Whole:
    """A whole number of a range.

    Attributes:
        least, most: the range.
        nothing: allows null, which transformers writes for what is not set.
        several: allows a list of them.
    """

    least: int
    most: int
    nothing: bool = False
    several: bool = False


_LAYERS, _SIZE, _HEADS, _TOKEN = _Whole(0, 1000), _Whole(1, 1 << 17), _Whole(1, 4096), _Whole(-1, 1 << 24, nothing=True)
# Names differ from one architecture to the next. The ranges end far beyond any encoder that there is.
_WHOLES = {
    **dict.fromkeys(("num_hidden_layers", "n_layers", "n_layer", "num_layers", "encoder_layers"), _LAYERS),
    **dict.fromkeys(("hidden_size", "dim", "hidden_dim", "d_model", "d_inner", "emb_dim", "embedding_size"), _SIZE),
    **dict.fromkeys(("intermediate_size", "num_hidden_groups", "inner_group_num"), _SIZE),
    **dict.fromkeys(("num_attention_heads", "n_heads", "n_head", "num_key_value_heads"), _HEADS),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "cls_token_id", "sep_token_id"), _TOKEN),
    # Some models have several ends of a text.
    "eos_token_id": _Whole(-1, 1 << 24, nothing=True, several=True),
    "vocab_size": _Whole(1, 1 << 24),
    "type_vocab_size": _Whole(0, 1 << 16),
    "max_position_embeddings": _Whole(-1, 1 << 20, nothing=True),
}
_MOST_LABELS = 1 << 16


def read_config(folder: Path) -> dict[str, Any]:
    """The config.json of a checkpoint, its fields of the types and ranges that they can have.

    Raises:
        CheckpointError: it is missing, not readable JSON, or a field does not fit; the field is named.
    """
    try:
        config = _object(folder / CONFIG)
    except FileNotFoundError:
        raise CheckpointError(str(folder), "not a checkpoint, it has no config.json", "give another folder") from None
    place = folder / CONFIG
    for name, kind in _WHOLES.items():
        if name in config:
            _check_whole(place, name, config[name], kind)
    if not isinstance(config.get("model_type", ""), str):
        raise _wrong(place, "model_type", config["model_type"], 'a name such as "bert"')
    _check_labels(place, config.get("id2label"))
    return config


def longest_told(folder: Path) -> float:
    """The `model_max_length` of tokenizer_config.json, in tokens; infinity where it sets no limit.

    Raises:
        CheckpointError: it is no number, or so small that a row holds no text.
    """
    place = folder / TOKENIZER_CONFIG
    try:
        told = _object(place).get("model_max_length")
    except FileNotFoundError:
        return math.inf
    if told is None:
        return math.inf
    if isinstance(told, bool) or not isinstance(told, int | float) or told != told:
        wanted = "a number; write it without quotes" if isinstance(told, str) else "a number"
        raise _wrong(place, "model_max_length", told, wanted)
    if told < _SHORTEST_ROW:
        problem = f'"model_max_length" is {told:g}, and a row of so few tokens holds no text'
        fix = "write there how long the longest row was that the model was trained with, or take the line out"
        raise CheckpointError(str(place), problem, fix)
    # transformers writes 1e30 for "no limit".
    return float(told) if told < _WHOLES["max_position_embeddings"].most else math.inf


def _object(place: Path) -> dict[str, Any]:
    """The file's JSON object; FileNotFoundError where there is no file, CheckpointError where it is something else."""
    try:
        value = json.loads(read_regular(place, most=_LARGEST).decode("utf-8"))
    except FileNotFoundError:
        raise
    except RecursionError as error:
        raise CheckpointError(str(place), "not readable JSON (nested too deeply)", _INTACT) from error
    except (OSError, ValueError) as error:
        raise CheckpointError(str(place), f"not readable JSON ({error})", _INTACT) from error
    if not isinstance(value, dict):
        raise CheckpointError(str(place), "not a JSON object", _INTACT)
    return value


def _check_whole(place: Path, name: str, value: Any, kind: _Whole) -> None:
    for each in value if isinstance(value, list) and kind.several else [value]:
        if each is None and kind.nothing:
            continue
        if isinstance(each, bool) or not isinstance(each, int) or not kind.least <= each <= kind.most:
            raise _wrong(place, name, value, f"a whole number from {max(0, kind.least)} to {kind.most:,}")


def _check_labels(place: Path, named: Any) -> None:
    if named is None:
        return
    wanted = 'an object of numbers and names, {"0": "O", "1": "B-PER", ...}'
    if not isinstance(named, dict) or len(named) > _MOST_LABELS:
        raise _wrong(place, "id2label", named, wanted)
    if odd := [name for name in named.values() if not isinstance(name, str)]:
        raise _wrong(place, "id2label", odd[0], f"{wanted}; write every name in quotes")


def _wrong(place: Path, name: str, value: Any, wanted: str) -> CheckpointError:
    shown = json.dumps(value)[:40]
    return CheckpointError(
        str(place), f'"{name}" is {shown} where {wanted.partition("; ")[0]} is expected', _fix(wanted)
    )


def _fix(wanted: str) -> str:
    return wanted.partition("; ")[2] or "correct it, or take an intact copy of the file"
