"""Dual cross-attention learning (document 001)."""
