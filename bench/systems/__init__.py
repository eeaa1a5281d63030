"""What is measured, each with the same face (base): raw texts in, entities with offsets out.

nerve                   Nerve's candidates
baselines               what people use today: hf_pipeline, bare_backends, spacy_model (baseline_files: what they run)
backend_calls           a library with batches of tokens, and nothing around it: bare_backends call these
library_calls           a library with single texts whose rows are ready: what no system can be faster than
stopwatch               a Tagger whose parts note when they were called
sentence_splitters      other libraries that cut texts into sentences
"""
