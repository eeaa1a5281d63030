"""Engines without a GPU: what TensorRT for RTX builds of Nerve's graphs, and estimates of their speed on known GPUs."""
