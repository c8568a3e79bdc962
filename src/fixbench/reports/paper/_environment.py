"""Templates of LaTeX and BibTeX files for papers."""

from __future__ import annotations

from typing import Any

import jinja2

from fixbench.reports import _latex

__all__ = ["render"]


def render(template: str, **content: Any) -> str:
    """A file of ``templates/paper``; printed values are escaped, unless they are LaTeX already."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fixbench.reports", "templates/paper"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        autoescape=False,
        finalize=_latex.escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["symbols"] = _latex.symbols
    environment.filters["raw"] = _latex.Raw
    return environment.get_template(template).render(**content)
