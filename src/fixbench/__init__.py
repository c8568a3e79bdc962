"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

__version__ = "0.2.0"
