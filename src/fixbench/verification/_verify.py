"""All checks of all runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fixbench.errors import InputError
from fixbench.verification._again import Sample, check_again, choose
from fixbench.verification._check import Check
from fixbench.verification._judged import check_judged
from fixbench.verification._numbers import check_numbers
from fixbench.verification._origin import check_origin
from fixbench.verification._page import check_page
from fixbench.verification._recomputed import check_recomputed
from fixbench.verification._run import Run, find_runs

__all__ = ["verify"]


def verify(
    root: Path,
    names: Sequence[str] = (),
    *,
    tier: str = "small",
    local: bool = False,
    rerun: int = 1,
    variants: Sequence[str] = (),
    tolerance: float = 1e-6,
    ablations: Path = Path("ablations"),
    progress: Callable[[str], None] = lambda what: None,
) -> Iterator[Check]:
    """Make every check of the published run, one after another.

    Args:
        names: the ablations; all that the table of claims has when empty.
        local: check the user's own run in ``results`` and ``reports`` instead.
        rerun: how many seeds of each sample are run again.
        variants: what is sampled; the cheapest baseline of all ablations when empty.
        tolerance: the largest relative difference of a value that is run again.
        progress: called before something is run.

    Raises:
        InputError: what is asked for is not there; nothing was checked.
    """
    if rerun < 0:
        raise InputError("--rerun", "", rerun, expected="0 or more seeds")
    if not tolerance >= 0:
        raise InputError("--tolerance", "", tolerance, expected="no negative tolerance")
    if variants and not rerun:
        raise InputError("--variants", "", list(variants), expected="--rerun 1 or more beside it")
    runs = find_runs(root, tuple(names), tier, ablations=ablations, local=local)
    samples = choose(runs, seeds=rerun, variants=variants)
    return _checks(runs, samples, ablations, tolerance, progress)


def _checks(
    runs: Sequence[Run],
    samples: Sequence[Sample],
    ablations: Path,
    tolerance: float,
    progress: Callable[[str], None],
) -> Iterator[Check]:
    for run in runs:
        yield check_judged(run)
        yield check_recomputed(run)
        yield check_numbers(run)
        yield check_page(run)
        yield check_origin(run)
    for sample in samples:
        yield check_again(sample, ablations=ablations, tolerance=tolerance, progress=progress)
