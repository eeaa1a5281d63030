"""ONNX graph -> TensorRT network, the same for TensorRT and TensorRT for RTX."""

from __future__ import annotations

from pathlib import Path

import onnx

from export.engines.api import Building, Network, OnnxParser
from export.engines.attention import prepared
from export.engines.build_log import BuildLog
from export.engines.options import Attention
from runtime.errors import BackendError


def parse(library: Building, network: Network, log: BuildLog, source: Path, attention: Attention) -> OnnxParser:
    """Fill a network with a graph.

    Args:
        library: the module tensorrt, or tensorrt_rtx.
        network: an empty one.
        log: hears what is wrong with the graph.
        source: the ONNX file. Weights in another file stay there: TensorRT finds them by the path.
        attention: how TensorRT is shown attention, see export.engines.attention.

    Returns:
        The parser. The weights lie in it, so that it must live as long as the network.

    Raises:
        BackendError: TensorRT cannot read the graph.
    """
    model = prepared(onnx.load(source, load_external_data=False), attention)
    parser = library.OnnxParser(network, log.logger)
    if parser.parse(model.SerializeToString(), str(source)):
        return parser
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    told = "; ".join(f"{error.node_name()}: {error.desc()}" for error in errors)[:400] or "it does not say why"
    raise BackendError(str(source), f"TensorRT cannot read it ({told})", "export it again with another TensorRT")
