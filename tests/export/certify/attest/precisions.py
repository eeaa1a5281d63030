"""What a manifest says of the graphs that these tests attest."""

from __future__ import annotations

from dataclasses import replace

from runtime.bundle.store import Graph

FP32 = Graph("packed-fp32.onnx", "fp32", "packed", 17, ("input_ids", "position_ids", "segment_ids"))
INT8, FP16 = replace(FP32, file="int8.onnx", precision="int8"), replace(FP32, file="fp16.onnx", precision="fp16")
