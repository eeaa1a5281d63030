"""The sentences that a run learns from: CoNLL files (load), data sets (hub), or the generated sample (sample).

sample_grammar and sample_words are the sample's data, sample_parser its notation. export reads `sample`, too, as a text
to certify on.
"""
