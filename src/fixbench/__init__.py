"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixbench.judging import judge as judge
    from fixbench.published import load_results as load_results

__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`load_results`, for programs that read results, and `judge`, which judges some."""
    from fixbench.lazy import lazy_names

    # By name, as what is below this package in the layers imports the package.
    return lazy_names(__name__, {"published": ["load_results"], "judging": ["judge"]})(name)
