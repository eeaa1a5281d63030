"""Tests mirror the tree: tests/runtime/text/test_words.py holds runtime/text/words.py. What they share:

conftest            a tiny checkpoint, its corpus, and the certified bundle that export makes of them
tiny                tiny random checkpoints with real tokenizers; rare_architectures has those of rarer models
lookup              a bundle whose model is a table of words
certificates        certificates for bundles that tests make without export
nasty               texts that are hard on tokenizers and offsets
fakes/              stand-ins for libraries and machines, handed in and never patched in
waiting             waits for events, not for time
system_calls        which functions of C a process calls, seen from outside
integration/        real clients, servers and a browser
fuzz/, mutants/     campaigns that the default run has a small part of: make fuzz, make mutants
"""
