"""Texts in and answers out, in every file format that python -m runtime.tag knows.

    item.py       Item: one thing to tag, as it was read; Answer: what the tagger said of it
    source.py     an input's bytes: a file, its gzip, standard input
    detect.py     which format a file has
    read.py       lines -> items: text, lines, JSONL, words, CoNLL
    write.py      items and answers -> bytes: JSONL, CoNLL
    terminal.py   the same in colour
    page.py       the same as an HTML page
    sink.py       where the bytes go: standard output, a file that appears when it is whole, a run that can be resumed
    journal.py    how far a run has come

The items of an input hold all of its bytes, in order. Nothing here knows a model, a tokenizer or an engine.
"""
