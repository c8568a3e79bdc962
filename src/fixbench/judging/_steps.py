"""The values of every step, of which a claim reads the last."""

from __future__ import annotations

import pandas as pd

from fixbench.errors import InputError
from fixbench.judging._given import WIDE, Given, Reader
from fixbench.judging._roles import Roles
from fixbench.judging._tables import Table

__all__ = ["step_rows"]


def step_rows(table: Table, roles: Roles, given: Given, metric: str) -> pd.DataFrame:
    """The finite values of a metric: ``variant``, ``seed``, ``stage``, ``step`` and ``value``.

    Only stages are there in which some run has more than one step.

    Raises:
        InputError: there are no steps.
    """
    names = {label: name for name, label in given.labels.items()}
    numbers = {label: number for number, label in given.seeds.items()}
    rows = []
    if roles.step is not None:
        for record in Reader(table, roles).records():
            named = given.metrics[0] if roles.layout == WIDE else record.metric
            if named != metric or record.value.status != "ok":
                continue
            seed = record.seed
            if seed not in numbers:
                # Runs without a seed were numbered; with steps a variant has one of them.
                seed = f"{record.variant}, run {'0' if seed is None else seed}"
            step = int(record.step) if record.step.is_integer() else record.step
            rows.append(
                (names[record.variant], numbers[seed], record.stage, step, record.value.number)
            )
    frame = pd.DataFrame(rows, columns=["variant", "seed", "stage", "step", "value"])
    steps = frame.groupby(["stage", "variant", "seed"])["step"].nunique()
    curved = {stage for (stage, _, _), count in steps.items() if count > 1}
    frame = frame[frame["stage"].isin(curved)].reset_index(drop=True)
    if frame.empty:
        expected = (
            "a column of steps, such as 'epoch', and several of them in a run; "
            "columns={'step': NAME} says which column it is"
        )
        raise InputError("curves", metric, expected=expected)
    return frame
