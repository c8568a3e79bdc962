"""What the plan knows of an ablation before anything runs: what its seeds cannot settle."""

from __future__ import annotations

from pathlib import Path

from fixbench import tracking
from fixbench.ablation import Ablation
from fixbench.errors import InputError
from fixbench.provenance import lock_files
from fixbench.reading import read_source
from fixbench.statistics import reachable
from fixbench.verdicts import is_tested, load_rule
from fixbench.verdicts.rules import TestedRule

__all__ = ["check_surroundings", "left_out", "unreachable"]

#: Where `tracking` finds that nothing is tracked; elsewhere what is tracked is damaged.
_NOT_TRACKED = ("folder", "path")


def check_surroundings(file: Path, ablation: Ablation) -> None:
    """Check that the inputs and the environment that an ablation file names are there.

    Paths are relative to the working directory. Without pointers (``data.dvc``) or lock files in
    ``envs`` there, nothing is known of inputs or environments.

    Raises:
        InputError: an input is not tracked, or its pointer or archive is damaged; or no lock file
            of the environment is there.
    """
    pointers = [*Path().glob("*.dvc")]
    for number, name in enumerate(ablation.inputs if pointers else ()):
        try:
            tracking.tracked_files(Path(), name)
        except InputError as error:
            if error.key not in _NOT_TRACKED:
                raise
            expected = "a tracked folder, such as data/NAME; see `fixbench data track`"
            where: list[str | int] = ["inputs", number]
            raise read_source(file).problem(where, name, expected=expected) from None
    locks = [*Path("envs").glob("*.lock")]
    if locks and not lock_files(Path(), ablation.environment):
        known = sorted({path.stem.removesuffix("-cpu").removesuffix("-cuda") for path in locks})
        expected = f"an environment with a lock file in envs/: {', '.join(known)}"
        raise read_source(file).problem(["environment"], ablation.environment, expected=expected)


def unreachable(ablation: Ablation, n: int, alpha: float = 0.05) -> list[str]:
    """What ``n`` seeds cannot settle, one phrase each; empty if they can settle everything."""
    family = sum(claim.primary and is_tested(claim) for claim in ablation.claims)
    phrases = []
    reach = reachable(n, family, alpha)
    if not reach.possible:
        claims = "1 claim" if family == 1 else f"{family} claims"
        phrases.append(
            f"seeds that all agree (sign test) cannot settle a family of {claims}: it takes "
            f"{reach.smallest_n} seeds (the t-test of seeds that vary has no such floor)"
        )
    for claim in ablation.claims:
        rule = load_rule(claim.decision.rule)
        if not isinstance(rule, TestedRule):
            continue
        size = family if claim.primary else 1
        fewest = rule.fewest_seeds(claim.decision, family=size, alpha=alpha)
        if fewest is not None and n < fewest:
            phrases.append(f"the exact test of {claim.id} cannot: it takes {fewest} seeds")
    return phrases


def left_out(ablation: Ablation, tier: str) -> list[str]:
    """The claims whose effect needs a variant that ``tier`` does not run."""
    there = ablation.at(tier).variants
    return [
        claim.id
        for claim in ablation.claims
        if claim.effect and any(term.variant not in there for term in claim.effect.weighted)
    ]
