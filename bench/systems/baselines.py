"""The baselines: what people use today, each run as its users run it.

    pipeline-fp32, pipeline-bf16        the Hugging Face pipeline on PyTorch
    optimum-fp32, optimum-int8          the same pipeline on Optimum's ONNX Runtime model; int8 is dynamic
    onnxruntime-fp32                    ONNX Runtime alone, on sorted padded batches
    openvino-fp32, openvino-bf16        OpenVINO alone, on the same batches
    ctranslate2-int8                    CTranslate2's encoder, and the classifier in numpy
    spacy                               spaCy with an installed model: another model, compared by speed and F1 only

A library is imported only in the process of its own system.
"""

from __future__ import annotations

from bench.systems.bare_backends import bare_specs
from bench.systems.base import Spec
from bench.systems.baseline_files import Model
from bench.systems.hf_pipeline import pipeline_specs
from bench.systems.spacy_model import spacy_specs

__all__ = ["Model", "baseline_specs"]


def baseline_specs(model: Model) -> list[Spec]:
    """Return all baselines, whether they are installed or not."""
    return [*pipeline_specs(model), *bare_specs(model), *spacy_specs(model)]
