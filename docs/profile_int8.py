"""python docs/profile_int8.py BUNDLE: where OpenVINO's time goes in a packed graph, kind by kind of layer.

One thread runs full batches of 8 rows of 64 token slots; each layer's time is the least of many runs, since whatever
disturbs a run makes it longer. OpenVINO adds the time of taking it: some hundredths.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from runtime.backends.openvino_residual import read_graph
from runtime.batch.batches import Batch

ROWS, LENGTH, SENTENCE = 8, 64, 21


def full_batch() -> Batch:
    """Sentences of 21 tokens, side by side; which tokens they are changes no time."""
    ids = np.random.default_rng(0).integers(1_000, 20_000, (ROWS, LENGTH))
    row = np.arange(LENGTH)
    segments, positions = (np.tile(each, (ROWS, 1)) for each in (row // SENTENCE, row % SENTENCE))
    return Batch(ids, segments, positions)


def measured(graph: Path, hint: str, runs: int) -> dict[tuple[str, str, str], list[float]]:
    """Microseconds of each layer, by (kind of layer, kernel, whether something is fused with it)."""
    import openvino

    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": hint, "PERF_COUNT": True, "INFERENCE_NUM_THREADS": 1}
    core = openvino.Core()
    model = read_graph(core, graph, settings, residual_in_fp32=True)
    compiled = core.compile_model(model, "CPU", settings | {"NUM_STREAMS": 1})
    told = {node.get_friendly_name(): node.get_rt_info() for node in compiled.get_runtime_model().get_ops()}
    request = compiled.create_infer_request()
    given = full_batch().named([port.get_any_name() for port in compiled.inputs])
    least: dict[str, float] = {}
    kinds: dict[str, tuple[str, str, str]] = {}
    for _ in range(runs):
        request.infer(given)
        for layer in request.profiling_info:
            if layer.status != layer.Status.EXECUTED:
                continue
            taken = layer.real_time.total_seconds() * 1e6
            least[layer.node_name] = min(taken, least.get(layer.node_name, taken))
            names = str(told[layer.node_name]["originalLayersNames"].value) if layer.node_name in told else ""
            fused = " + ".join(part for part in ("activation", "Softmax") if f"/{part}" in names)
            kinds[layer.node_name] = (layer.node_type, layer.exec_type, fused)
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for name, kind in kinds.items():
        found[kind].append(least[name])
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--hint", default="bf16", help="what layers that are not int8 compute in: bf16 or f32")
    parser.add_argument("--graph", default="packed-int8.onnx", help="file of the bundle")
    parser.add_argument("--runs", type=int, default=100)
    options = parser.parse_args()
    found = measured(options.bundle / options.graph, options.hint, options.runs)
    total = Counter({kind: sum(times) for kind, times in found.items()})
    print("| layers | kernel | fused with | number | microseconds | share |\n|---|---|---|---|---|---|")
    for kind, time in total.most_common():
        share = time / total.total()
        print(f"| {' | '.join(kind)} | {len(found[kind])} | {time:,.0f} | {share:.1%} |")


if __name__ == "__main__":
    main()
