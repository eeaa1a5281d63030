"""Which precision a file really computes in: read off the graph (graph, onnx_file) and off what a library compiled
of it (openvino, tensorrt, tensorrt_layers). attest_bundle does all files of a bundle.
"""
