"""What an operator sees: metrics, logs, health, shadow and traces."""
