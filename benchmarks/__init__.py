"""How long the same work takes here and by other means, side by side: ``python -m benchmarks``."""
