"""What the figures of a result say in words, computed from the result. Pure functions."""

from __future__ import annotations

from bench.measure.intervals import Ratio
from bench.schema.result import Measured, Result, Row

_BACKENDS = {
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "tensorrt": "TensorRT",
    "tensorrt-rtx": "TensorRT for RTX",
    "pytorch": "PyTorch",
}


def verdict(result: Result) -> str:
    """Return one sentence about Nerve's fastest candidate: its speed against the baseline, and what it changed."""
    # The first workload with a comparison: on a GPU, models may be missing.
    for workload in result.workloads:
        row = next((one for one in result.rows if one.name == workload.fastest_nerve), None)
        ratio = _to_baseline(row, workload)
        if row is not None and ratio is not None:
            subject = f"{row.precision} on {backend_of(row)}"
            return f"{subject} {_faster(ratio, workload, _baseline(result, workload))}{_changed(row, workload)}."
    return "No candidate of Nerve was measured against a baseline."


def reading(result: Result) -> list[str]:
    """Return what the intervals allow to be said of Nerve's fastest candidate, workload by workload."""
    said = [f"{one.name}: {_reading(result, one)}" for one in result.workloads if one.fastest_nerve]
    known = [(one.name, one.checkpoint.f1) for one in result.workloads if one.checkpoint and one.checkpoint.f1]
    return [*said, *(f"{name}: the checkpoint itself, given the corpus's words, has F1 {f1:.4f}" for name, f1 in known)]


def backend_of(row: Row) -> str:
    """Return the name of the library that runs one of Nerve's candidates; its title ends in it."""
    name = row.title.rpartition(" on ")[2]
    return _BACKENDS.get(name, name)


def ratio_text(ratio: Ratio) -> str:
    """Return a ratio with its 95% interval."""
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]"


def _to_baseline(row: Row | None, workload: Measured) -> Ratio | None:
    found = row.on(workload.name) if row else None
    return found.to_baseline if found and workload.baseline != workload.fastest_nerve else None


def _baseline(result: Result, workload: Measured) -> str:
    row = next((row for row in result.rows if row.name == workload.baseline), None)
    # The name that readers know, and the precision, since the pipeline may be faster in another one.
    if row and workload.baseline.startswith("pipeline-"):
        return f"the Hugging Face pipeline in {row.precision}"
    return row.title if row else workload.baseline


def _faster(ratio: Ratio, workload: Measured, baseline: str) -> str:
    unit = workload.name if workload.name in ("sentences", "documents") else "texts"
    # A ratio that the intervals do not support must not look like a result.
    if ratio.verdict == "no difference shown":
        return f"is not shown to differ in speed from {baseline} on {unit}"
    return f"tags {ratio.value:.1f}x as many {unit} a second as {baseline}"


def _changed(row: Row, workload: Measured) -> str:
    right = row.accuracy_on(workload.name)
    if right is None or right.changed_per_10k is None:
        return ""
    return f", with {right.changed_per_10k:.2g} of 10,000 labels changed"


def _reading(result: Result, workload: Measured) -> str:
    verdicts: dict[str, list[str]] = {"faster": [], "slower": [], "no difference shown": []}
    for row in result.rows:
        found = row.on(workload.name)
        if found and found.nerve_to_this and row.name != workload.fastest_nerve:
            verdicts[found.nerve_to_this.verdict].append(f"{row.name} ({ratio_text(found.nerve_to_this)})")
    words = {
        "faster": "is faster than",
        "slower": "is slower than",
        "no difference shown": "is not shown to differ from",
    }
    said = [f"{words[verdict]} {', '.join(names)}" for verdict, names in verdicts.items() if names]
    return f"{workload.fastest_nerve} {'; '.join(said) or 'ran alone'}"
