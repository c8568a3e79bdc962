"""The table of claims against what the judging code makes of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fixbench.analysis import analyse
from fixbench.errors import InputError
from fixbench.reports import JudgedAblation, published_rows
from fixbench.verification._check import Check, Mismatch, compare
from fixbench.verification._run import Run

__all__ = ["check_judged"]


def check_judged(run: Run) -> Check:
    """Judge the claims from the rows, and compare every key of the table."""
    name = "judged again"
    if not run.rows:
        remark = "no rows are kept, so nothing can be worked out again"
        return Check(ablation=run.name, name=name, compared=0, of="values", remark=remark)
    try:
        fresh = _judge(run)
    except InputError as error:
        refused = Mismatch(
            file=run.rows[0], where="the rows", found="refused", expected=f"rows to judge ({error})"
        )
        return Check(ablation=run.name, name=name, compared=0, of="values", mismatches=[refused])
    there = {claim.id: claim.model_dump(mode="json") for claim in run.claims}
    compared, mismatches = 0, []
    for id_ in dict.fromkeys([*there, *fresh]):
        if id_ not in there or id_ not in fresh:
            found, expected = ("no row", "a row") if id_ in fresh else ("a row", "no such claim")
            mismatches.append(Mismatch(file=run.table, where=id_, found=found, expected=expected))
            continue
        for key, found, expected, same in compare(there[id_], fresh[id_]):
            compared += 1
            if not same:
                where = f"{id_} {key}"
                mismatches.append(
                    Mismatch(file=run.table, where=where, found=found, expected=expected)
                )
    return Check(
        ablation=run.name,
        name=name,
        compared=compared,
        of=f"values of {len(there)} claims",
        mismatches=mismatches,
    )


def _judge(run: Run) -> dict[str, dict[str, Any]]:
    looks: Sequence[int] = ()
    for claim in run.claims:
        if claim.looks is not None:
            looks = claim.looks["planned"]
    unadjusted = max((claim.unadjusted_looks for claim in run.claims), default=0)
    results = analyse(run.folder, run.tier, run.rows, looks=looks, unadjusted_looks=unadjusted)
    judged = JudgedAblation(
        name=run.name, ablation=run.ablation, tier=run.tier, results=list(results)
    )
    form = type(run.claims[0])  # so that keys that the table may lack have their defaults
    return {
        row["id"]: form.model_validate(row).model_dump(mode="json")
        for row in published_rows([judged])
    }
