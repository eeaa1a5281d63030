"""Where NER engineers already work: each module joins Nerve to one library, and imports that library inside.

pipeline          transformers' pipeline("ner"), without transformers or torch
presidio          a recognizer and an NLP engine for Microsoft Presidio
spacy_component   spaCy's nerve_ner
haystack          a component for Haystack's pipelines
tag_batch         columns in, columns and entities out, for any engine over columns
ray_data          many machines, by Ray Data
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.integrations.hf_pipeline import pipeline

__all__ = ["pipeline"]


def __getattr__(name: str) -> Any:
    # It brings numpy and tokenizers, which the help of a command does without.
    if name == "pipeline":
        from runtime.integrations.hf_pipeline import pipeline

        return pipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
