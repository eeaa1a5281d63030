"""Peers: what people use today, each as its users would run it.

    pipeline-fp32, pipeline-bf16        the Hugging Face pipeline on PyTorch
    optimum-fp32, optimum-int8          the same pipeline on Optimum's ONNX Runtime model; int8 is dynamic
    onnxruntime-fp32                    bare ONNX Runtime on sorted padded batches
    openvino-fp32, openvino-bf16        bare OpenVINO on the same
    ctranslate2-int8                    CTranslate2's encoder, the classifier in numpy
    spacy                               spaCy with an installed model: another model, so a reference for speed and F1

No library is imported before its own process opens it.
"""

from __future__ import annotations

from bench.systems.bare_engines import bare_specs
from bench.systems.base import Spec
from bench.systems.baseline_files import Model
from bench.systems.hf_pipeline import pipeline_specs
from bench.systems.spacy_model import spacy_specs

__all__ = ["Model", "baseline_specs"]


def baseline_specs(model: Model) -> list[Spec]:
    """All peers, whether installed or not."""
    return [*pipeline_specs(model), *bare_specs(model), *spacy_specs(model)]
