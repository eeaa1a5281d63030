"""Measure the candidates of a bundle on this machine, so that the runtime can take the right one.

python -m export.tune BUNDLE

speeds      many texts: tokens a second of every candidate
one_text    one text at a time: milliseconds, and the threads and row lengths that take the fewest
"""
