"""``claims.json``: what a run says of its claims, for programs.

`PublishedTable` is its form, from which ``config/claims_table.schema.json`` is made; `load_results`
reads it into pandas. The file has a version, which changes when a key changes its meaning or goes.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.published._frame import load_results as load_results
    from fixbench.published._model import VERSION as VERSION
    from fixbench.published._model import PublishedClaim as PublishedClaim
    from fixbench.published._model import PublishedControl as PublishedControl
    from fixbench.published._model import PublishedLevel as PublishedLevel
    from fixbench.published._model import PublishedPrecondition as PublishedPrecondition
    from fixbench.published._model import PublishedQuote as PublishedQuote
    from fixbench.published._model import PublishedSupporting as PublishedSupporting
    from fixbench.published._model import PublishedTable as PublishedTable
    from fixbench.published._read import read_rows as read_rows
    from fixbench.published._read import read_table as read_table
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_frame": ["load_results"],
            "_model": [
                "VERSION",
                "PublishedClaim",
                "PublishedControl",
                "PublishedLevel",
                "PublishedPrecondition",
                "PublishedQuote",
                "PublishedSupporting",
                "PublishedTable",
            ],
            "_read": ["read_rows", "read_table"],
        },
    )
