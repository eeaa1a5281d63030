"""The JSON of a benchmark: `result` has it as types, SCHEMA.md in words."""
