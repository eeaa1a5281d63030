"""Checkpoint -> graph of packed layout: several windows share a row, and each gets the logits it gets alone.

    input_ids, position_ids, segment_ids    int64 [rows, length], both axes dynamic
    logits                                  float32 [rows, length, labels]

The encoder is written out here once for the whole BERT family, from the modules that transformers loaded: the query's
weights hold the scale of the scores, tables that depend on the position alone are added up beforehand, and keys are
brought into heads in the same way as queries and values. So each backend finds the pattern that it has a fused kernel
for.

It knows nothing of bundles or certificates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import torch
import transformers
from onnx import helper
from torch import Tensor, nn

from export.graphs.padded import OPSET, quiet_export
from runtime.bundle.store import Graph
from runtime.errors import BugError, CheckpointError, storage_error

INPUTS = ("input_ids", "position_ids", "segment_ids")
# Added to the scores of tokens of another window: exp(-10000) is 0 in every precision, and fp16 can hold it.
_FAR_AWAY = -1e4


@dataclass(frozen=True, slots=True)
class _Parts:
    """Where an architecture keeps its modules.

    Attributes:
        layers: the encoder's layers, in order; shared ones come as often as they run.
        query, key, value, out, norm, up, down, last: a layer's modules, as dotted names.
        activation: a layer's activation between up and down, as a dotted name.
    """

    layers: Callable[[nn.Module], Sequence[nn.Module]]
    query: str
    key: str
    value: str
    out: str
    norm: str
    up: str
    activation: str
    down: str
    last: str


def _bert_layers(base: nn.Module) -> Sequence[nn.Module]:
    return list(base.get_submodule("encoder.layer").children())


def _distilbert_layers(base: nn.Module) -> Sequence[nn.Module]:
    return list(base.get_submodule("transformer.layer").children())


def _albert_layers(base: Any) -> Sequence[nn.Module]:
    config = base.config
    groups = list(base.get_submodule("encoder.albert_layer_groups").children())
    every = config.num_hidden_layers / config.num_hidden_groups
    chosen = [groups[int(layer / every)] for layer in range(config.num_hidden_layers)]
    return [inner for group in chosen for inner in group.get_submodule("albert_layers").children()]


_BERT = _Parts(
    _bert_layers,
    *("attention.self.query", "attention.self.key", "attention.self.value"),
    *("attention.output.dense", "attention.output.LayerNorm"),
    *("intermediate.dense", "intermediate.intermediate_act_fn", "output.dense", "output.LayerNorm"),
)
_DISTILBERT = _Parts(
    _distilbert_layers,
    *("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", "sa_layer_norm"),
    *("ffn.lin1", "ffn.activation", "ffn.lin2", "output_layer_norm"),
)
_ALBERT = _Parts(
    _albert_layers,
    *("attention.query", "attention.key", "attention.value", "attention.dense", "attention.LayerNorm"),
    *("ffn", "activation", "ffn_output", "full_layer_layer_norm"),
)
_MPNET = _Parts(
    _bert_layers,
    *("attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o", "attention.LayerNorm"),
    *("intermediate.dense", "intermediate.intermediate_act_fn", "output.dense", "output.LayerNorm"),
)
# Architectures whose answer for a window depends on its tokens, its positions and its mask, and on nothing else.
_PARTS = {
    **dict.fromkeys(("bert", "electra", "roberta", "xlm-roberta", "camembert", "data2vec-text"), _BERT),
    "distilbert": _DISTILBERT,
    "albert": _ALBERT,
    "mpnet": _MPNET,
}


def can_pack(model: transformers.PreTrainedModel) -> bool:
    """Whether packed rows give this model's own logits; a model that cannot be packed has a padded graph alone."""
    config = model.config
    absolute = getattr(config, "position_embedding_type", "absolute") == "absolute"
    return config.model_type in _PARTS and absolute and not getattr(config, "is_decoder", False)


def packed_from_checkpoint(model: transformers.PreTrainedModel, output: Path) -> Graph:
    """Write the fp32 graph of packed layout.

    Args:
        model: as export.torch_model.load_model gives it; can_pack must hold.
        output: the ONNX file to write. Weights of more than 2 GB go to a second file beside it.

    Raises:
        CheckpointError: this architecture cannot be packed.
        StorageError: no permission, or no space.
    """
    if not can_pack(model):
        problem = "its rows cannot be packed"
        raise CheckpointError(f"architecture {model.config.model_type!r}", problem, "use its padded graph")
    try:
        _trace(packed_encoder(model), output)
        made = onnx.load(output, load_external_data=False)
        _bring_keys_to_heads(made.graph)
        onnx.save(made, output)
        onnx.checker.check_model(str(output))
    except OSError as error:
        raise storage_error(error) from error
    names = tuple(node.name for node in made.graph.input)
    if names != INPUTS:
        raise BugError(f"exported inputs are {', '.join(names)}, expected {', '.join(INPUTS)}")
    return Graph(output.name, "fp32", "packed", OPSET, names)


def packed_encoder(model: transformers.PreTrainedModel) -> nn.Module:
    """What the graph is traced from; it takes the graph's inputs and gives its logits. can_pack must hold."""
    return _Packed(model).eval()


def _trace(model: nn.Module, output: Path) -> None:
    """Write the graph of a module, with any number of rows and any length."""
    example = torch.zeros((2, 8), dtype=torch.int64)  # [rows, length]
    with quiet_export(), torch.inference_mode():
        torch.onnx.export(
            model,
            (example, example, example),
            str(output),  # given a Path, it would write one protobuf, which ends at 2 GB
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes={name: {0: "rows", 1: "length"} for name in (*INPUTS, "logits")},
            opset_version=OPSET,
            dynamo=False,
        )


def _bring_keys_to_heads(graph: onnx.GraphProto) -> None:
    """Transpose keys in two steps, where the exporter writes one.

    The first step is that of queries and values, as fast as copying; the second becomes part of the multiplication.
    OpenVINO took 3.5 times as long for the single step: 2% of all its time in int8, 1% in fp32.
    """
    # From the last node to the first, so that an insertion does not shift nodes that are still to come.
    for index, node in reversed([*enumerate(graph.node)]):
        if node.op_type != "Transpose" or list(node.attribute[0].ints) != [0, 2, 3, 1]:
            continue
        heads = f"{node.output[0]}/heads"
        # [rows, length, heads, size] -> [rows, heads, length, size] -> [rows, heads, size, length]
        first = helper.make_node("Transpose", [node.input[0]], [heads], f"{node.name}/heads", perm=[0, 2, 1, 3])
        node.input[0], node.attribute[0].ints[:] = heads, [0, 1, 3, 2]
        graph.node.insert(index, first)


class _Packed(nn.Module):
    """A token classifier on packed rows."""

    def __init__(self, model: transformers.PreTrainedModel) -> None:
        super().__init__()
        parts, base = _PARTS[model.config.model_type], model.base_model
        heads = model.config.num_attention_heads
        self.embeddings = _Embeddings(base)
        self.bias = _RelativeBias(base) if model.config.model_type == "mpnet" else None
        self.layers = nn.ModuleList([_Layer(layer, parts, heads) for layer in parts.layers(base)])
        self.classifier = model.get_submodule("classifier")

    def forward(self, input_ids: Tensor, position_ids: Tensor, segment_ids: Tensor) -> Tensor:
        # Token slots that hold nothing are a segment of their own (-1). They see each other, so that no row of the
        # softmax is empty and becomes NaN; no token sees them.
        same = segment_ids.unsqueeze(2) == segment_ids.unsqueeze(1)  # [rows, length, length]
        mask = torch.where(same, torch.tensor(0.0), torch.tensor(_FAR_AWAY)).unsqueeze(1)
        if self.bias is not None:
            mask = mask + self.bias(position_ids)
        hidden = self.embeddings(input_ids, position_ids)
        for layer in self.layers:
            hidden = layer(hidden, mask)
        logits: Tensor = self.classifier(hidden)
        return logits


class _Embeddings(nn.Module):
    """Token ids and positions from 0 -> hidden states. [rows, length, hidden]"""

    def __init__(self, base: Any) -> None:  # transformers' modules have no types to speak of
        super().__init__()
        source = base.embeddings
        self.words = source.word_embeddings
        table: Tensor = source.position_embeddings.weight
        # RoBERTa and its relatives count positions from padding_idx + 1; no token uses the rows before that.
        table = table[source.padding_idx + 1 :] if hasattr(source, "padding_idx") else table
        if hasattr(source, "token_type_embeddings"):
            table = table + source.token_type_embeddings.weight[0]  # a NER model reads one text: type 0 for all
        self.positions = nn.Embedding(table.shape[0], table.shape[1], _weight=table.detach().clone())
        self.norm = source.LayerNorm
        # ELECTRA and ALBERT have fewer dimensions in their embeddings than in their layers.
        names = dict(base.named_modules())
        wider = ("embeddings_project", "encoder.embedding_hidden_mapping_in")
        self.project = next((names[name] for name in wider if name in names), nn.Identity())

    def forward(self, input_ids: Tensor, position_ids: Tensor) -> Tensor:
        hidden: Tensor = self.project(self.norm(self.words(input_ids) + self.positions(position_ids)))
        return hidden


class _Layer(nn.Module):
    """Attention and feed-forward, each followed by its normalization."""

    def __init__(self, layer: nn.Module, parts: _Parts, heads: int) -> None:
        super().__init__()
        query, key, value = (_linear(layer, name) for name in (parts.query, parts.key, parts.value))
        self.heads, self.size = heads, query.out_features // heads
        scale = 1 / math.sqrt(self.size)
        self.query, self.key, self.value = _scaled(query, scale), key, value
        self.out, self.norm = _linear(layer, parts.out), layer.get_submodule(parts.norm)
        self.up, self.down = _linear(layer, parts.up), _linear(layer, parts.down)
        self.activation = _activation(layer, parts.activation)
        self.last = layer.get_submodule(parts.last)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (self._heads(part(hidden)) for part in (self.query, self.key, self.value))
        shares = torch.softmax(query @ key.transpose(2, 3) + mask, dim=-1)  # [rows, heads, length, length]
        attended = (shares @ value).transpose(1, 2).flatten(2)
        hidden = self.norm(self.out(attended) + hidden)
        last: Tensor = self.last(self.down(self.activation(self.up(hidden))) + hidden)
        return last

    def _heads(self, hidden: Tensor) -> Tensor:
        """[rows, length, hidden] -> [rows, heads, length, size]"""
        rows, length = hidden.shape[:2]
        return hidden.view(rows, length, self.heads, self.size).transpose(1, 2)


class _RelativeBias(nn.Module):
    """MPNet's addition to the scores, by distance. A window's tokens are next to each other, so its distances hold."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.encoder: Any = base.get_submodule("encoder")

    def forward(self, position_ids: Tensor) -> Tensor:
        bias: Tensor = self.encoder.compute_position_bias(position_ids)
        return bias


def _linear(layer: nn.Module, name: str) -> nn.Linear:
    module = layer.get_submodule(name)
    if not isinstance(module, nn.Linear):
        raise BugError(f"{name} is a {type(module).__name__}")
    return module


def _scaled(linear: nn.Linear, factor: float) -> nn.Linear:
    """A linear layer whose result is multiplied by the factor."""
    scaled = nn.Linear(linear.in_features, linear.out_features)
    scaled.weight = nn.Parameter(linear.weight.detach() * factor)
    scaled.bias = nn.Parameter(linear.bias.detach() * factor)
    return scaled


def _activation(layer: nn.Module, name: str) -> Callable[[Tensor], Tensor]:
    outer, _, last = name.rpartition(".")
    activation: Callable[[Tensor], Tensor] = getattr(layer.get_submodule(outer), last)
    return activation
