"""Outputs of python -m runtime.tag: items and answers -> bytes; runtime.tag says what each module does."""
