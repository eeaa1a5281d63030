"""Backends: the libraries that execute a model, one file each. runtime.backends.base says what a backend is.

Files that several backends of one library share lie beside them in a folder of the library.
"""
