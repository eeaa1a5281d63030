"""The GPU check: python -m bench gpu-check. Certificates, tests and speeds on an NVIDIA GPU, by one command.

check           runs the steps and keeps the result after each; steps has them in order, sizes how much of each
jobs            what the steps do that time nothing; systems, matrices: what is timed
models, bundles what is measured
page            docs/gpu.md, written from a result
engines/        what TensorRT's builder makes of the graphs, without a GPU
"""
