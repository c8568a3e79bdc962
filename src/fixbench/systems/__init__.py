"""Documented systems, one package each; a system knows nothing of workflows or statistics."""
