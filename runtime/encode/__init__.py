"""Text -> tokens. `tokenizer` does it for many texts (pieces and piece_table remember what was seen), hf_pipeline as
transformers' pipeline does it.
"""
