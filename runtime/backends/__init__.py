"""Backends: the libraries that execute a model, one file each. runtime.backends.base says what a backend is."""
