"""Which reading policy suits a checkpoint (sentences, context, windows): python -m export.reading measures it."""
