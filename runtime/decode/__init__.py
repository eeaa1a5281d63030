"""Logits -> labels -> entities: by words (labels), by allowed sequences (viterbi), or as transformers' pipeline does
(hf_pipeline). `options` is what a user can ask of it.
"""
