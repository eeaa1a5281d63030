"""Graphs -> TensorRT engines. `build` makes those of TensorRT, for this GPU; `portable` those of TensorRT for RTX.

options         what is wanted, and whether it can be had here
bundle_engines  the engines of a bundle: built, attested and recorded
facts           what a builder made of a graph, in numbers
"""
