"""What a user gains who changes one line: transformers' pipeline, Presidio and Ray Data, with and without a bundle."""
