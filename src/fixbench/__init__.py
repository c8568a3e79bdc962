"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

from typing import Any

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`load_results`, for programs that read results, and `judge`, which judges some."""
    if name == "judge":
        from fixbench.judging import judge

        return judge
    if name == "load_results":
        from fixbench.published import load_results

        return load_results
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
