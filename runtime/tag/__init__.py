"""The command python -m runtime.tag: it reads texts in any of its formats, tags them, and writes the answers.

    options, request     the command line -> a Request: what to open, read and write
    opening              opens the tagger
    job                  joins inputs, tagger and output
    run                  one pass over the items, which writes the answers
    answers              items -> items with their answers
    progress             the line on a terminal that shows how far a run is
    compression          files that are packed: .gz, .xz, .bz2, .zst
    input/
        source           the bytes of an input: a file, a pipe, standard input, unpacked
        opened           what can be read only once: a look at its beginning, and no wait without end
        detect           the format of an input
        tables           JSON arrays, CSV and Parquet -> lines of JSONL
        read, jsonl      lines -> items, for each format
        item             Item: one text, sentence of words, or broken line
    output/
        write            items and answers -> bytes, as JSONL or CoNLL
        terminal         the same in color
        html_page        the same as an HTML page
        sink             where the bytes go: standard output, a device, or a file
        resumable_file   a file that appears when it is complete, and that a killed run can go on with
        journal          how far a run has come
        packer           bytes packed, and written completely

The items of an input hold all of its bytes, in order. Nothing here knows a model, a tokenizer or a backend.
"""
