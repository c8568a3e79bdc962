"""Same inputs, same machine: same bytes."""

from __future__ import annotations

import os

import torch

__all__ = ["make_deterministic"]


def make_deterministic(*, threads: int = 1) -> None:
    """Make torch refuse what is not reproducible and fix the number of threads.

    One and two threads sum in different orders, so the number of threads is part of the result.
    No random number is drawn and no global generator is seeded: a system draws from its seed.
    """
    # cuBLAS reads this when its first handle is made, so it must precede any work on a GPU.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    # `use_deterministic_algorithms`, without its import of the compiler, which takes seconds.
    torch.set_deterministic_debug_mode("error")
    # On by default with the switch above: fills every new tensor before it is written to.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.set_num_threads(threads)
