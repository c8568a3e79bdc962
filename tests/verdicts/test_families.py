"""What holds of every family, whatever its effects and rules."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixbench.verdicts import adjudicate

Make = Callable[..., Any]

ARMS = ("b", "c", "d")
DECISIONS: list[dict[str, Any]] = [
    {"rule": "difference", "direction": "greater", "margin": 0.5},
    {"rule": "difference", "direction": "less", "margin": 0.2, "null": 0.4},
    {"rule": "difference", "direction": "greater", "margin": 0.3, "tolerance": 0.4},
    {"rule": "no_difference", "direction": None, "margin": 0.4},
    {"rule": "not_worse", "direction": "greater", "margin": 0.3},
    {"rule": "not_worse", "direction": "less", "margin": 0.3, "null": -0.2},
    {"rule": "share", "direction": "greater", "null": 0.5, "margin": None},
]
arms = st.tuples(st.floats(-2, 2), st.floats(0.05, 2), st.integers(0, 1000), st.integers(0, 3))
claims = st.lists(
    st.tuples(st.sampled_from(DECISIONS), st.sampled_from(ARMS), st.booleans()),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(drawn=st.tuples(arms, arms, arms), declared=claims)
def test_what_is_beyond_the_margin_is_always_different(
    make_frame: Make,
    make_ablation: Make,
    make_claim: Make,
    minus: Make,
    drawn: Any,
    declared: Any,
) -> None:
    runs: dict[str, dict[int, float]] = {"a": dict.fromkeys(range(8), 5.0)}
    failed: list[tuple[str, int]] = []
    for arm, (mean, spread, state, failures) in zip(ARMS, drawn, strict=True):
        noise = np.random.default_rng(state).normal(mean, spread, size=8)
        runs[arm] = {seed: 5.0 + float(value) for seed, value in enumerate(noise)}
        failed += [(arm, seed) for seed in range(failures)]
    family = []
    for index, (decision, arm, primary) in enumerate(declared):
        effect = minus(arm, "a")
        if decision["rule"] == "share":
            effect = {"terms": [{"variant": arm, "metric": "loss", "stage": "test"}]}
        family.append(make_claim(decision, id=f"TT0{index}", effect=effect, primary=primary))
    variants = {
        "a": {"reason": "baseline"},
        **{
            arm: {"reason": "changed", "changes": {"scale": 0.1 * (index + 1)}}
            for index, arm in enumerate(ARMS)
        },
    }
    ablation = make_ablation(family, variants=variants)
    shares = {claim.id for claim in ablation.claims if claim.decision.rule == "share"}
    if shares:
        # A share asks for ones and noughts.
        ones = {arm: {s: float(v > 5.0) for s, v in seeds.items()} for arm, seeds in runs.items()}
        frame = make_frame(ones, failed=failed)
    else:
        frame = make_frame(runs, failed=failed)
    for result in adjudicate(ablation, frame, tier="small"):
        evidence = result.ruling.evidence
        if "beyond" not in evidence:
            continue
        assert not evidence["beyond"].shown or evidence["different"].shown
        if not np.isnan(evidence["beyond"].p):
            assert evidence["beyond"].p >= evidence["different"].p - 1e-12
        within = evidence.get("equivalent") or evidence["not worse"]
        assert not (within.shown and evidence["beyond"].shown)
        if result.ruling.rule == "difference" and result.ruling.verdict == "reproduced":
            assert evidence["beyond"].shown
