"""python -m bench.gpu.engines RESULT: what a real builder makes of Nerve's graphs, and estimates for known GPUs.

It needs TensorRT for RTX and no GPU. Shapes are those of MiniLM-L6 and bert-large with random weights and the true
vocabularies, since what a builder does is a matter of shape. RESULT is a JSON; with --docs, the tables between the
marks of that page are written anew from it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.gpu.engines.cost_model import MARK, can_run, seconds_of
from bench.gpu.engines.gpus import GPUS
from bench.gpu.engines.pages import written_into
from bench.gpu.models import MINILM
from bench.workloads.bert_large import BERT_LARGE, Shape
from runtime.command_line import Parser, run

PROG = "python -m bench.gpu.engines"
_LONGEST = 512
_FP8 = ("8.9", "12.0", "12.1")
# Batches that are estimated: a full one of short rows, and a sentence alone.
_FULL, _ALONE = (128, 64), (1, 64)
# Tokens of a sentence of CoNLL-2003's validation text with this tokenizer, and the share of slots that packing fills.
_TOKENS_A_SENTENCE, _FILL = 21.0, 0.97


@dataclass(frozen=True, slots=True)
class Model:
    """A shape to build, and in which precisions."""

    name: str
    shape: Shape
    graphs: str


MODELS = (
    Model("MiniLM-L6", MINILM, "fp16 padded fp8 int8"),
    Model("bert-large", BERT_LARGE, "fp16 fp8"),
)


def main(arguments: Sequence[str]) -> int:
    """Build, attest and estimate; write the result, and the page if one is given."""
    options = _parser().parse_args(arguments)
    if not options.from_result:
        made: list[dict[str, Any]] = []
        for model in MODELS:
            if model.name in options.models:
                for entry in _entries(model):  # written as each ends: a large model's build takes minutes
                    made.append(entry)
                    options.result.write_text(json.dumps({"mark": MARK, "engines": made}, indent=1) + "\n", "utf-8")
    if options.docs != Path():
        result: dict[str, Any] = json.loads(options.result.read_text(encoding="utf-8"))
        page = options.docs.read_text(encoding="utf-8")
        options.docs.write_text(written_into(page, result), encoding="utf-8")
    return 0


def _entries(model: Model) -> Iterator[dict[str, Any]]:
    """What the builder made of each graph of a model."""
    from bench.gpu.engines.graphs import engine_graphs
    from export.engines.api import open_portable_building
    from export.engines.facts import built_facts, kernels_of_a_run
    from export.engines.portable import CAPABILITIES
    from export.engines.profiles import profiles_for
    from runtime.bundle.manifest import Profile

    library = open_portable_building()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for graph in engine_graphs(_random(model.shape), folder, layers_in=model.graphs):
            capabilities = _FP8 if graph.precision == "fp8" else CAPABILITIES
            given: dict[str, Any] = {"library": library, "folder": folder, "capabilities": capabilities}
            facts, _ = built_facts(folder / graph.file, graph, profiles=profiles_for(_LONGEST), **given)
            batches = (Profile(*_FULL), Profile(*_ALONE))
            _, layers = built_facts(folder / graph.file, graph, profiles=batches, fixed_rows=True, **given)
            runs = [kernels_of_a_run(layers, profile) for profile in (0, 1)]
            print(f"{model.name} {graph.file}: {facts.kernels} kernels a run, {facts.build_seconds} s", flush=True)
            yield {"model": model.name, "facts": asdict(facts), "estimates": _estimates(*runs)}


def _estimates(full: Sequence[Any], alone: Sequence[Any]) -> dict[str, dict[str, float]]:
    """Estimated tokens and sentences a second and milliseconds of one sentence, by GPU."""
    slots = _FULL[0] * _FULL[1]
    found = {}
    for gpu in GPUS:
        if can_run(full, gpu):
            tokens = _FILL * slots / seconds_of(full, _FULL[1], gpu)
            found[gpu.name] = {
                "tokens_per_second": round(tokens, -3),
                "sentences_per_second": round(tokens / _TOKENS_A_SENTENCE, -2),
                "one_sentence_ms": round(1000 * seconds_of(alone, _ALONE[1], gpu), 2),
            }
    return found


def _random(shape: Shape) -> Any:
    """A BERT of that shape with random weights."""
    import torch
    import transformers

    config = transformers.BertConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=_LONGEST,
        num_labels=9,
    )
    torch.manual_seed(0)
    return transformers.BertForTokenClassification(config).train(False)


def _parser() -> Parser:
    parser = Parser(prog=PROG, description="Build Nerve's graphs with TensorRT for RTX, without a GPU, and count.")
    parser.add_argument("result", type=Path, help="JSON to write")
    parser.add_argument("--docs", type=Path, default=Path(), help="page whose tables are written anew")
    names = [model.name for model in MODELS]
    parser.add_argument("--models", nargs="+", choices=names, default=names, help="which shapes (all)")
    parser.add_argument("--from-result", action="store_true", help="build nothing, take the JSON as it is")
    return parser


if __name__ == "__main__":
    run(main, PROG)
