"""Fixbench re-runs documented fixes for machine-learning systems and judges their claims."""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.published import load_results as load_results
else:
    __getattr__ = lazy_names(__name__, {"published": ["load_results"]})

__version__ = "0.2.0"
