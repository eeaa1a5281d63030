"""From texts of many requests to batches of the backend, and back to each request its answers."""
