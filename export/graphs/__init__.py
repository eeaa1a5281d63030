"""Checkpoint -> ONNX graphs, and graphs -> the same in forms that a backend runs faster. None is fitted to text.

padded, packed                      the two layouts in fp32, from which all others are made
fp16                                for GPUs; attention_biases moves what costs a GPU time
ort_attention, ort_fusions, ort_remove_padding    for ONNX Runtime on a GPU
shared_weights, weights_apart, copies             where a graph's weights are kept, and how it is copied
"""
