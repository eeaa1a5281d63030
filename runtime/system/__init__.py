"""This machine: files, CPU, GPU, libraries, the cache. `machine` is all of it as one value, which tests replace."""
