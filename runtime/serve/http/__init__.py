"""What is alike in all protocols: bodies, limits, replies, refusals, keys, and the description of all routes."""
