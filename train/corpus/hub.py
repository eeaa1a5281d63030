"""Data sets that the datasets library reads, from the hub or from a folder: columns and labels found by name.

Labels go by the names that the data set declares, never by their numbers: two data sets with the same types number
them differently. It knows nothing of CoNLL files, models or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runtime.bundle.hub import offline_unless_reachable, with_revision
from runtime.errors import CorpusError
from runtime.text.conll import Sentence

if TYPE_CHECKING:
    from datasets import Dataset

_WORD_COLUMNS: Final = ("tokens", "words")
_LABEL_COLUMNS: Final = ("ner_tags", "tags", "labels")
_TRAIN_SPLITS: Final = ("train",)
_VALID_SPLITS: Final = ("validation", "valid", "dev")


def hub_sentences(name: str) -> tuple[list[Sentence], list[Sentence]]:
    """Training and validation sentences of a hub data set, or of a folder that datasets.load_dataset reads.

    Args:
        name: the folder, or the hub id, with a revision (id@revision) or without.

    Raises:
        CorpusError: it cannot be reached or read, or its splits or columns have names that are not known.
    """
    if not Path(name).is_dir():
        offline_unless_reachable()
    # By the names of splits, never by their order, which differs from data set to data set.
    splits = _load(name)
    return (
        sentences_of(splits[_known(name, "split", splits, _TRAIN_SPLITS)], name),
        sentences_of(splits[_known(name, "split", splits, _VALID_SPLITS)], name),
    )


def sentences_of(dataset: Dataset, name: str) -> list[Sentence]:
    """Sentences of one split; an empty row is no sentence and is passed over.

    Raises:
        CorpusError: no known column holds words or labels, or the labels are numbers without names.
    """
    words = dataset[_known(name, "column", dataset.features, _WORD_COLUMNS)]
    column = _known(name, "column", dataset.features, _LABEL_COLUMNS)
    name_of = _label_names(dataset.features[column], f"{name}, column {column}")
    return [
        Sentence(tuple(row_words), tuple(map(name_of, row_labels)))
        for row_words, row_labels in zip(words, dataset[column], strict=True)
        if row_words
    ]


def _load(name: str) -> Mapping[str, Dataset]:
    # Imported here: a CoNLL folder or the sample needs none of it.
    try:
        from datasets import DatasetDict, disable_progress_bars, load_dataset
        from datasets.exceptions import DatasetNotFoundError
    except ImportError as error:
        problem = "no such folder of CoNLL columns, and data sets of the hub need the library datasets"
        raise CorpusError(name, problem, "install the extra hub, or give a folder") from error

    disable_progress_bars()
    try:
        repository, revision = (name, None) if Path(name).is_dir() else with_revision(name)
        loaded = load_dataset(repository, revision=revision)
    except DatasetNotFoundError as error:
        raise CorpusError(name, "no such folder, and no such data set on the hub", "check the name") from error
    except ConnectionError as error:
        problem = "no such folder, and the hub cannot be reached"
        raise CorpusError(name, problem, "check the name and the network, or give a folder") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise CorpusError(name, f"datasets cannot read it ({error})", "give a folder in CoNLL columns") from error
    if not isinstance(loaded, DatasetDict):
        raise CorpusError(name, "a data set without splits", "give one with train and validation")
    return {str(split): dataset for split, dataset in loaded.items()}


def _known(name: str, what: str, present: Mapping[str, object], wanted: Sequence[str]) -> str:
    """The first of the wanted names that is present."""
    for candidate in wanted:
        if candidate in present:
            return candidate
    problem = f"no {what} named {' or '.join(wanted)} among {', '.join(present)}"
    raise CorpusError(name, problem, f"rename the {what}, or write train.txt and valid.txt in CoNLL columns")


def _label_names(feature: Any, place: str) -> Callable[[Any], str]:
    """What turns a value of that column into a label's name."""
    inner = getattr(feature, "feature", feature)
    names: Sequence[str] | None = getattr(inner, "names", None)
    if names is not None:
        return list(names).__getitem__
    if getattr(inner, "dtype", "") in ("string", "large_string"):
        return str
    problem = f"labels are {getattr(inner, 'dtype', 'values')} without names"
    raise CorpusError(place, problem, "give a data set whose labels are strings or ClassLabel")
