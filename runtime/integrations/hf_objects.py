"""What callers of transformers' pipeline read off it: tokenizer, model.config, device. Without transformers or torch.

It holds what people read, not all that there is: an attribute that is missing is an AttributeError, never a guess.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from runtime.bundle.store import CONFIG, Bundle


@dataclass(frozen=True, slots=True)
class Device:
    """As torch.device reads: `.type`, `.index`, and "cpu" or "cuda:0" as a string."""

    type: str
    index: int | None = None

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


class Config:
    """The checkpoint's config.json as attributes, its labels by number.

    Args:
        values: what config.json holds.
        labels: label names in the order of the logits.
    """

    def __init__(self, values: Mapping[str, Any], labels: Sequence[str]) -> None:
        self.__dict__.update(values)
        self.id2label: Final = dict(enumerate(labels))
        self.label2id: Final = {label: number for number, label in enumerate(labels)}
        self.num_labels: Final = len(labels)

    def __getattr__(self, name: str) -> Any:
        # Only for names that config.json does not hold; it tells mypy that all others may be there.
        raise AttributeError(f"the checkpoint's config.json has no {name!r}")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as a dictionary."""
        return dict(self.__dict__)


@dataclass(frozen=True, slots=True)
class Model:
    """The part of a model that callers read.

    Attributes:
        config: see Config.
        name_or_path: the bundle's folder.
        device: what it runs on.
    """

    config: Config
    name_or_path: str
    device: Device


def model_of(bundle: Bundle, device: Device) -> Model:
    """The model that a bundle was made from, as callers read it."""
    values: dict[str, Any] = json.loads(bundle.file(CONFIG).read_text(encoding="utf-8"))
    return Model(Config(values, bundle.manifest.labels), str(bundle.path), device)


class PipelineTokenizer:
    """The part of a fast tokenizer that callers use: text to ids and tokens, and back.

    Args:
        tokenizer: the library's.
        folder: where it came from.
        most: most tokens a row can hold, special tokens included.
        unknown: id of the token for what it does not know; -1 without one.
    """

    is_fast = True
    padding_side = truncation_side = "right"

    def __init__(self, tokenizer: Tokenizer, *, folder: Path, most: int, unknown: int) -> None:
        self.backend_tokenizer = self._tokenizer = tokenizer
        self.name_or_path, self.model_max_length = str(folder), most
        self.unk_token_id = unknown if unknown >= 0 else None
        self._decoder = tokenizer.decoder

    def __len__(self) -> int:
        size: int = self.backend_tokenizer.get_vocab_size(with_added_tokens=True)
        return size

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> dict[str, list[int]]:
        """Ids and attention mask of one text, never cut off."""
        encoded = self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens)
        return {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask}

    @property
    def vocab_size(self) -> int:
        """Tokens, those that were added not counted."""
        size: int = self.backend_tokenizer.get_vocab_size(with_added_tokens=False)
        return size

    def get_vocab(self) -> dict[str, int]:
        """Token -> id."""
        vocabulary: dict[str, int] = self.backend_tokenizer.get_vocab(with_added_tokens=True)
        return vocabulary

    def tokenize(self, text: str) -> list[str]:
        """The text's tokens, without special ones."""
        tokens: list[str] = self.backend_tokenizer.encode(text, add_special_tokens=False).tokens
        return tokens

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """The text's ids."""
        ids: list[int] = self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids
        return ids

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """The text of ids."""
        text: str = self.backend_tokenizer.decode(list(token_ids), skip_special_tokens=skip_special_tokens)
        return text

    def convert_ids_to_tokens(self, ids: int | Sequence[int]) -> str | list[str]:
        """The token of an id, or the tokens of many."""
        if isinstance(ids, int):
            return self.backend_tokenizer.id_to_token(ids) or ""
        return [self.backend_tokenizer.id_to_token(number) or "" for number in ids]

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> int | list[int | None] | None:
        """The id of a token, or the ids of many; that of the unknown token where there is none."""
        if isinstance(tokens, str):
            found = self.backend_tokenizer.token_to_id(tokens)
            return self.unk_token_id if found is None else found
        ids = (self.backend_tokenizer.token_to_id(token) for token in tokens)
        return [self.unk_token_id if number is None else number for number in ids]

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Tokens put together as the tokenizer's decoder does."""
        return self._decoder.decode(list(tokens)) if self._decoder is not None else " ".join(tokens)
