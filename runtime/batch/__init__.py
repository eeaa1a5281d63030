"""Tokens -> windows -> rows -> batches. It knows nothing of text or models.

windowing, windows          how a long text is cut, and which window answers for which token
bin_packing, batches        windows -> rows -> batches (alignment, grouping, ragged)
repeats                     windows that come again are run once
chunks, flow                how many texts are worked on at a time
"""
