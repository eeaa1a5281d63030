"""Backends: the libraries that execute a model. One file each; see runtime.backends.base for what a backend is."""
