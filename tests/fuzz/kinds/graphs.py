"""ONNX graphs with bytes, nodes or tensors changed, given as a third-party folder, which nothing vouches for.

Right is any answer of the right form, since nobody knows what the graph should say: entities that lie in their text,
of types that the configuration names. An engine that crashes, hangs or answers with NaN is a finding.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from runtime.tagger import Tagger
from tests.fuzz.change import changed_bytes
from tests.fuzz.kind import Case, check
from tests.fuzz.kinds.bundles import TEXTS, WORDS
from tests.lookup import LABELS, lookup_bundle

_OPERATORS = ("Gather", "Add", "Softmax", "Sqrt", "Log", "Loop", "If", "Scan", "Cast", "Reshape", "NoSuch", "Identity")


def open_case(folder: Path) -> Case:
    """See the module."""
    bundle = lookup_bundle(folder / "bundle", WORDS)
    model = onnx.load(bundle / "padded-fp32.onnx")
    place = folder / "third-party"
    place.mkdir()
    (bundle / "tokenizer.json").rename(place / "tokenizer.json")
    config = {"id2label": dict(enumerate(LABELS)), "max_position_embeddings": 64, "vocab_size": 7}
    (place / "config.json").write_text(json.dumps(config), encoding="utf-8")

    def case(chance: random.Random) -> None:
        raw = _changed(model, chance) if chance.random() < 0.6 else changed_bytes(model.SerializeToString(), chance)
        (place / "model.onnx").write_bytes(raw)
        with Tagger.open(place, threads=1, allow_uncertified=True) as tagger:
            for text, found in zip(TEXTS, tagger.tag(TEXTS)):
                for each in found:
                    check(text[each.start : each.end] == each.text and each.label in ("LOC", "PER"), "entity", each)
                    check(0 <= each.score <= 1, "score", each)

    return case


def _changed(model: onnx.ModelProto, chance: random.Random) -> bytes:
    """Another operator, shape, type, name, tensor or loop."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph, kind = made.graph, chance.randrange(7)
    if kind == 0:
        graph.node[0].op_type = chance.choice(_OPERATORS)
    elif kind == 1:
        table = numpy_helper.to_array(graph.initializer[0]).copy()
        table.flat[chance.randrange(table.size)] = chance.choice((float("nan"), float("inf"), -1e38, 7.0))
        graph.initializer[0].CopyFrom(numpy_helper.from_array(table, "table"))
    elif kind == 2:
        graph.initializer[0].dims[chance.randrange(2)] = chance.choice((0, 1, 3, 2**40, -1))
    elif kind == 3:
        graph.input[chance.randrange(2)].type.tensor_type.elem_type = chance.choice((1, 2, 6, 8, 9, 10, 99))
    elif kind == 4:
        graph.output[0].name = chance.choice(("table", "input_ids", "", "other"))
    elif kind == 5:
        graph.initializer[0].data_location = TensorProto.EXTERNAL
        graph.initializer[0].external_data.add(
            key="location", value=chance.choice(("../bundle/config.json", "/dev/zero"))
        )
    else:
        graph.node.extend([endless_loop(), helper.make_node("Identity", ["again"], ["spare"])])
        graph.output[0].name = chance.choice(("logits", "spare"))
    return bytes(made.SerializeToString())


def endless_loop() -> onnx.NodeProto:
    """A loop that never ends."""
    inner = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
    ]
    same = helper.make_node("Identity", ["on"], ["on_again"])
    outer = helper.make_tensor_value_info("on_again", TensorProto.BOOL, [])
    value = helper.make_tensor_value_info("inside", TensorProto.FLOAT, None)
    copy = helper.make_node("Identity", ["table"], ["inside"])
    body = helper.make_graph([same, copy], "body", inner, [outer, value])
    return helper.make_node("Loop", ["", ""], ["again"], body=body)
