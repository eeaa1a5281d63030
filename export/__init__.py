"""Stage 2: a checkpoint becomes a certified bundle. It needs torch, transformers and onnx.

python -m export --model CHECKPOINT --corpus CORPUS --output BUNDLE

pipeline        all of it, from top to bottom: read this first
preflight       what is checked before anything is loaded (hf_tokenizer, crf, architectures)
graphs/         the checkpoint as ONNX graphs, and the same graphs in fp16
quantize/       the same graphs in int8 and fp8 (variants says which are made)
engines/        TensorRT engines, built from the graphs
certify/        every candidate against the checkpoint: python -m export.certify
tune/           how fast each candidate is on this machine: python -m export.tune
reading/        how long texts are best cut for this checkpoint: python -m export.reading
report/         what was found, as a page and as JSON
staging         where a bundle is made, so that the old one stays until the new one is whole
sign, triton/   what can be done with a bundle afterwards
"""
