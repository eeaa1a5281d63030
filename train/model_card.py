"""The model card: what a run did and reached, as README.md of its checkpoint; facts of the run and nothing else."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from runtime.system.libraries import installed_version
from train.corpus.load import Corpus
from train.recipe import Recipe
from train.score_table import Row, markdown

METRICS: Final = ("precision", "recall", "f1", "accuracy")
_LIBRARIES: Final = ("transformers", "torch", "datasets", "tokenizers", "safetensors")


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card tells beyond recipe, corpus and table.

    Attributes:
        name: of the checkpoint.
        base: what it was made from.
        license: of the base, as its own card states it.
        labels: the model's labels by index.
        longest: most tokens of an input, special ones included.
        device: where it was trained.
    """

    name: str
    base: str
    license: str
    labels: tuple[str, ...]
    longest: int
    device: str


def model_card(recipe: Recipe, corpus: Corpus, rows: Sequence[Row], facts: CardFacts) -> str:
    """The card's Markdown with its YAML front matter."""
    last = rows[-1]
    parts = [
        _front_matter(corpus, last, facts),
        f"# {facts.name}",
        f"`{facts.base}` fine-tuned on `{corpus.name}` for named-entity recognition. On the validation part after the "
        f"last epoch: loss {last.validation_loss:.4f}, precision {last.precision:.4f}, recall {last.recall:.4f}, "
        f"F1 {last.f1:.4f}, accuracy {last.accuracy:.4f}.",
        "## Model description",
        _description(facts),
        "## Intended uses",
        _uses(corpus),
        "## Training data",
        _data(corpus),
        "## Training hyperparameters",
        _hyperparameters(recipe, facts),
        "## Training results",
        "\n".join(markdown(rows)),
        "Precision, recall and F1 are of entities (exact span and type, as conlleval does); accuracy is of words.",
        "## Framework versions",
        "\n".join([f"- Python {platform.python_version()}", *_versions()]),
    ]
    return "\n\n".join(parts) + "\n"


def _versions() -> list[str]:
    found = {name: installed_version(name) for name in _LIBRARIES}
    return [f"- {name} {version}" for name, version in found.items() if version]


def _front_matter(corpus: Corpus, last: Row, facts: CardFacts) -> str:
    """YAML that the hub reads; JSON's strings are YAML's, so names need no escaping of their own."""
    name, data = json.dumps(facts.name), json.dumps(corpus.name)
    lines = [
        "---",
        f"license: {facts.license}",
        "tags:",
        "- generated_from_trainer",
        "datasets:",
        f"- {data}",
        "metrics:",
        *(f"- {metric}" for metric in METRICS),
        "model-index:",
        f"- name: {name}",
        "  results:",
        "  - task:",
        "      name: Token Classification",
        "      type: token-classification",
        "    dataset:",
        f"      name: {data}",
        f"      type: {data}",
        "    metrics:",
    ]
    for metric in METRICS:
        lines += [
            f"    - name: {metric.capitalize()}",
            f"      type: {metric}",
            f"      value: {getattr(last, metric)}",
        ]
    return "\n".join([*lines, "---"])


def _description(facts: CardFacts) -> str:
    return (
        f"A token classifier with {len(facts.labels)} labels: {', '.join(facts.labels)}. The first token of a "
        f"word carries the word's label. An input has at most {facts.longest} tokens, special ones included."
    )


def _uses(corpus: Corpus) -> str:
    return (
        f"Finding entities of the types {', '.join(corpus.types)} in text like the training data. On other text the "
        "figures above need not hold: measure first."
    )


def _data(corpus: Corpus) -> str:
    lines = [f"`{corpus.name}` (sha256 of its words and labels: {corpus.sha256})", "", "| part | sentences | words |"]
    lines.append("|---|---:|---:|")
    for part, sentences in (("training", corpus.train), ("validation", corpus.valid)):
        lines.append(f"| {part} | {len(sentences)} | {sum(len(sentence.words) for sentence in sentences)} |")
    # Labels are in BIO by now, so that each entity begins with one B-.
    counts = Counter(label[2:] for s in corpus.train for label in s.labels if label.startswith("B-"))
    entities = ", ".join(f"{counts[name]} {name}" for name in corpus.types)
    return "\n".join([*lines, "", f"Entities in the training part: {entities}."])


def _hyperparameters(recipe: Recipe, facts: CardFacts) -> str:
    # Base and corpus are named above; in the recipe they may be paths of the machine that trained.
    values = {key: value for key, value in asdict(recipe).items() if key not in ("base", "corpus")}
    lines = [f"- {key.replace('_', ' ')}: {_plain(value)}" for key, value in values.items()]
    return "\n".join([*lines, "- optimizer: AdamW", f"- device: {facts.device}"])


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
