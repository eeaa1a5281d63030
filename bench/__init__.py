"""Stage 4: measure backends against each other and against what people use today, accuracy in the same row."""
