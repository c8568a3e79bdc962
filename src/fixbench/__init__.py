"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fixbench.judging import Claim as Claim
    from fixbench.judging import Comparison as Comparison
    from fixbench.judging import compare as compare
    from fixbench.judging import judge as judge
    from fixbench.judging import load_results as load_results

__version__ = "0.2.0"


_NAMES = {"judging": ["Claim", "Comparison", "compare", "judge", "load_results"]}


def __getattr__(name: str) -> Any:
    """For programs: `load_results` reads results, `judge` and `compare` judge some."""
    from fixbench.lazy import lazy_names

    # By name, as what is below this package in the layers imports the package.
    return lazy_names(__name__, _NAMES)(name)


def __dir__() -> list[str]:
    return sorted([*globals(), *(name for names in _NAMES.values() for name in names)])
