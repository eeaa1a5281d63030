"""Measure the candidates of a bundle on this machine, so that the runtime can take the right one.

python -m export.tune BUNDLE [--p99 20ms --at 100/s ...]

speeds      many texts: tokens a second of every candidate
one_text    one text at a time: milliseconds, and the threads and row lengths that take the fewest
search      a profile: the set-up that keeps a user's bounds at the least cost (wish, trial, texts, frontier)
"""
