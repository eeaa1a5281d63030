"""A Triton model repository from a bundle: python -m export.triton BUNDLE --output models/."""
