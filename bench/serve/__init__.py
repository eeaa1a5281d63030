"""Servers side by side: the same texts, the same client, the same cores."""
