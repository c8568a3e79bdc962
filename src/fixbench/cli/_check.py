"""The command ``fixbench check``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fixbench.cli._command import Command, add_ablations, count
from fixbench.cli._extras import how_to_install

if TYPE_CHECKING:
    from fixbench.ablation import Ablation

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="ablations (default: all)")
    parser.add_argument(
        "--hashes",
        action="store_true",
        help="print the SHA-256 of each claim instead, to register it before a run",
    )
    parser.add_argument(
        "--documents",
        type=Path,
        metavar="FOLDER",
        help="look up in the documents in FOLDER what each claim cites, and print where it stands",
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.ablation import claim_hash, load_ablation
    from fixbench.draws import check_drawable
    from fixbench.reading import parse_seeds, read_yaml
    from fixbench.statistics import reachable
    from fixbench.verdicts import check_claims, is_tested
    from fixbench.workflow import (
        CONFIG,
        check_settings,
        check_surroundings,
        find_ablations,
        left_out,
        unreachable,
    )

    if options.ablations == Path("ablations"):
        check_settings(read_yaml(CONFIG))
    files = [
        options.ablations / name / "ablation.yaml"
        for name in find_ablations(options.ablations, options.names)
    ]
    loaded = {file: load_ablation(file) for file in files}

    for file, ablation in loaded.items():
        check_claims(ablation, file.with_name("claims.yaml"))
        check_drawable(file, ablation)
        check_surroundings(file, ablation)
    if options.documents is not None:
        _check_documents(loaded, options.documents)
        return
    _check_systems(loaded)
    for file, ablation in loaded.items():
        if options.hashes:
            for claim in ablation.claims:
                # As plain as they are registered, where it is clear whose they are.
                whose = f"{file.parent.name} " if len(loaded) > 1 else ""
                print(f"{whose}{claim.id} {claim_hash(claim)}")
            continue
        family = sum(claim.primary and is_tested(claim) for claim in ablation.claims)
        variants, claims = len(ablation.variants), len(ablation.claims)
        print(f"{file.parent.name}: {count(variants, 'variant')}, {count(claims, 'claim')}")
        if places := _unedited(file.parent):
            print(f"  still to be edited: {'; '.join(places)}")
        for tier, content in ablation.tiers.items():
            seeds = parse_seeds(content.seeds)
            found = unreachable(ablation, len(seeds))
            reach = reachable(len(seeds), family)
            if reach.possible:
                best = f"{reach.smallest_p_adjusted:.3g}"
                over = f"adjusted for {count(family, 'claim')}"
                found.insert(0, f"seeds that all agree can reach p = {best}, {over}")
            if claims_left_out := left_out(ablation, tier):
                found.append(f"it leaves out {', '.join(claims_left_out)}")
            print(f"  {tier}: {count(len(seeds), 'seed')}; {'; '.join(found)}")


def _unedited(folder: Path) -> list[str]:
    """Where texts stand that `fixbench new` or `fixbench init` left to the author."""
    return [
        f"{name} lines {', '.join(lines)}" if len(lines) > 1 else f"{name} line {lines[0]}"
        for name in ("ablation.yaml", "claims.yaml")
        if (
            lines := [
                str(number)
                for number, line in enumerate((folder / name).read_text("utf-8").splitlines(), 1)
                if "EDIT:" in line.partition(" #")[0]
            ]
        )
    ]


def _check_documents(loaded: Mapping[Path, Ablation], folder: Path) -> None:
    """Print where each claim stands in its document; fail where something does not."""
    from fixbench.documents import check_citations, read_document
    from fixbench.errors import InputError
    from fixbench.reading import read_source

    problems: list[InputError] = []
    for file, ablation in loaded.items():
        name = ablation.document.file
        if not (folder / name).is_file():
            expected = f"the name of a file in {folder}"
            problems.append(
                read_source(file).problem(("document", "file"), name, expected=expected)
            )
            continue
        document = read_document(folder / name)
        places = file.with_name("citations.yaml")
        citations = check_citations(
            ablation,
            document,
            read_source(file.with_name("claims.yaml")),
            read_source(places) if places.exists() else None,
        )
        print(f"{file.parent.name}: {name}, {count(len(document.lines), 'line')}")
        for citation in citations:
            if citation.elsewhere is not None:
                print(f"  {citation.claim}: not in the document, but in {citation.elsewhere}")
            elif citation.problem is not None:
                problems.append(citation.problem)
                print(f"  {citation.claim}: not found")
            else:
                print(f"  {citation.claim}: {'; '.join(citation.found)}")
    for problem in problems:
        print(f"fixbench: error: {problem}", file=sys.stderr)
    if problems:
        raise SystemExit(1)


def _check_systems(loaded: Mapping[Path, Ablation]) -> None:
    """Check the options of each system, or say that its libraries are missing."""
    try:
        from fixbench.job import check_runnable  # imports torch

        for file, ablation in loaded.items():
            check_runnable(file, ablation, ablation.tiers)
    except ModuleNotFoundError as error:
        needed = how_to_install(error)
        if needed is None:
            raise
        print(f"fixbench: options of systems are not checked; it needs {needed}", file=sys.stderr)


COMMAND = Command(
    name="check",
    text="Check ablation files, without running anything.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench check",
        "fixbench check lambda_rescaling --hashes",
    ),
)
