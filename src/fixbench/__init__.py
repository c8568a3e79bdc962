"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

__version__ = "0.1.0"
