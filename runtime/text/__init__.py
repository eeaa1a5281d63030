"""Text, words, sentences and labels, as plain Python: no arrays, no model, no library.

words, sentences                        free text -> its words and sentences; ends of sentences are found by
                                        line_breaks, enumerations, run_on_rows and datelines
sections                                long texts, piece by piece
entity, answer, given                   what a tagger gives and takes
label_names, label_schemes, crf         what labels mean
conll, scores, agreement                corpora, F1, and how many labels differ
"""
