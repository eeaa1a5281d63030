"""Inputs of python -m runtime.tag: bytes -> items; runtime.tag says what each module does."""
