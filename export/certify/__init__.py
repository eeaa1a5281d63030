"""Every candidate against the checkpoint, through the code that serves it: python -m export.certify.

certify_bundle      all candidates of a bundle, one after the other: read this first
corpus, elsewhere   the text to certify on, and the second text, to which nothing was fitted
reference           the checkpoint's own answers, by PyTorch
measure             how far a candidate's answers lie from these (best_labels, confidence, full_rows)
tokens              the bundle's tokenizer against transformers'
attest/             what is really in a graph, and what a backend makes of it
outcomes, report    what came of it; runtime.bundle.gate holds the limits
import_folder       a folder that others made becomes a bundle
"""
