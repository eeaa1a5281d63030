"""Where NER engineers already work: each module joins Nerve to one library, and imports that library inside.

pipeline          transformers' pipeline("ner"), without transformers or torch
presidio          a recognizer and an NLP engine for Microsoft Presidio
spacy_component   spaCy's nerve_ner
haystack          a component for Haystack's pipelines
ray_data          a hundred machines, by Ray Data
"""

from __future__ import annotations

from runtime.integrations.hf_pipeline import pipeline

__all__ = ["pipeline"]
