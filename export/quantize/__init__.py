"""Graphs -> the same with linear layers in 8 bits, fitted to training text alone.

int8                                for CPUs; it reads downwards: read this first
linear_layers, activations          what a graph multiplies, and the values that it multiplies
gptq                                weights in int8 that change a layer's result least
sensitivity, mixed_precision        which layers are kept in higher precision
gpu_eight_bits                      8 bits for GPUs; int8_gpu and fp8 are its two forms
"""
