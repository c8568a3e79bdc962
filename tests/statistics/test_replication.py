"""The replication panel's numbers against R, scipy, published examples and their definitions."""

import itertools
import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from scipy import optimize, stats

from fixbench.statistics import (
    minimum_effect_p,
    paired_superiority,
    prediction_interval,
    sceptical_p,
    student_t,
    superiority,
    synthesis,
)

# What the tests of R's ReplicationSuccess expect of pSceptical(zo, zr, c, alternative, type), in
# tests/testthat/test-pSceptical.R of its versions 1.0 (c = 0.05) and 1.3.3.
PUBLISHED = [
    (-4, -4, 0.05, "one-sided", "nominal", 0.000149544079762546),
    (-2, -4, 0.05, "one-sided", "nominal", 0.0236343314115514),
    (-2, -2, 0.05, "one-sided", "nominal", 0.0352998069509419),
    (0, -2, 0.05, "one-sided", "nominal", 0.5),
    (2, -2, 0.05, "one-sided", "nominal", 0.964700193049058),
    (4, -4, 0.05, "one-sided", "nominal", 0.999850455920237),
    (4, 4, 0.05, "two-sided", "nominal", 0.000299088159525091),
    (-2, 2, 0.05, "two-sided", "nominal", 0.0705996139018838),
    (-4, -4, 0.5, "one-sided", "golden", 4.92521679461104e-05),
    (-2, -4, 0.5, "one-sided", "golden", 0.00860230836312371),
    (2, 2, 0.5, "one-sided", "golden", 0.0257599721993693),
    (2, -2, 0.5, "one-sided", "golden", 0.974240027800631),
    (-4, -4, 2, "one-sided", "golden", 0.000528949538842483),
    (-2, -4, 2, "one-sided", "golden", 0.0165499416760937),
    (-2, -2, 2, "one-sided", "golden", 0.050780864777783),
]


@pytest.mark.parametrize(("zo", "zr", "c", "side", "kind", "expected"), PUBLISHED)
def test_sceptical_p_is_what_replicationsuccess_gives(
    zo: float,
    zr: float,
    c: float,
    side: Literal["one-sided", "two-sided"],
    kind: Literal["nominal", "golden"],
    expected: float,
) -> None:
    found = sceptical_p(
        zo * math.sqrt(c), math.sqrt(c), zr, 1.0, alternative=side, recalibration=kind
    )
    assert found == pytest.approx(expected, rel=1e-12)


def test_sceptical_p_of_the_paper() -> None:
    # Held (2020), section 3: z_o² = 12.19, z_r² = 3.99, c = 1 give p = 0.083 two-sided.
    found = sceptical_p(
        math.sqrt(12.19), 1, math.sqrt(3.99), 1, alternative="two-sided", recalibration="nominal"
    )
    assert round(found, 3) == 0.083


def test_sceptical_p_solves_its_equation() -> None:
    for zo, zr, c in itertools.product((0.4, 2.1, 6.0), (0.7, 2.6, 5.0), (0.01, 0.9, 1, 1.1, 40)):

        def sceptic(square: float, zo: float = zo, zr: float = zr, c: float = c) -> float:
            # Held's steps: the prior variance g that makes the original just significant at the
            # level of z, and the replication's z in the prior predictive distribution.
            g = 1 / (zo**2 / square - 1)  # in units of the original's variance
            return zr**2 / (1 + c * g) - square

        # z² lies below both squares; at 0 and at z_o² the function has opposite signs.
        root = optimize.brentq(sceptic, 1e-12, zo**2 * (1 - 1e-12), xtol=1e-15, rtol=1e-14)
        found = sceptical_p(zo, 1, zr / math.sqrt(c), 1 / math.sqrt(c), recalibration="nominal")
        assert found == pytest.approx(stats.norm.sf(math.sqrt(root)), rel=1e-8)


def test_golden_level_asks_for_no_smaller_effect() -> None:
    # At an original with one-sided p = 0.025 exactly, an equal effect is on the edge in the limit
    # of a large replication; a smaller one never succeeds.
    z = stats.norm.isf(0.025)
    assert sceptical_p(z, 1, z, 1e-4) == pytest.approx(0.025, abs=1e-4)
    assert sceptical_p(z, 1, 0.99 * z, 1e-4) > 0.025
    assert sceptical_p(z, 1, 1.01 * z, 1e-4) < 0.025


def test_few_seeds_weaken_a_replication() -> None:
    normal = sceptical_p(3, 1, 3, 1)
    assert sceptical_p(3, 1, 3, 1, degrees_of_freedom=4) > normal
    assert sceptical_p(3, 1, 3, 1, degrees_of_freedom=10**7) == pytest.approx(normal, rel=1e-4)
    with pytest.raises(ValueError, match="positive"):
        sceptical_p(3, 0, 3, 1)


def test_prediction_interval_covers_one_more_run() -> None:
    random = np.random.default_rng(3)
    samples = random.normal(2, 5, (4000, 7))
    inside = [
        low <= value <= high
        for *values, value in samples
        for low, high in [prediction_interval(values, confidence=0.9)]
    ]
    assert np.mean(inside) == pytest.approx(0.9, abs=4 * math.sqrt(0.09 / 4000))
    # Hand calculation: mean 2, s = 1, n = 3, t = 4.302653.
    assert prediction_interval([1, 2, 3]) == pytest.approx(
        (2 - 4.302653 * math.sqrt(4 / 3), 2 + 4.302653 * math.sqrt(4 / 3)), rel=1e-6
    )
    assert prediction_interval([4, 4, 4]) == (4, 4)
    assert all(map(math.isnan, prediction_interval([4])))


def test_minimum_effect() -> None:
    random = np.random.default_rng(5)
    values = random.normal(1.5, 1, 9)
    assert minimum_effect_p(values, margin=0) == pytest.approx(student_t(values).p_value)
    expected = stats.ttest_1samp(values, 0.5, alternative="greater").pvalue
    assert minimum_effect_p(values, margin=0.5, direction="greater") == pytest.approx(expected)
    moved = minimum_effect_p(-values + 7, margin=0.5, null=7, direction="less")
    assert moved == pytest.approx(expected)
    assert minimum_effect_p(values, margin=0.5, direction="less") > 0.5
    assert minimum_effect_p([2, 2, 2, 2], margin=1, direction="greater") == 1 / 16
    assert minimum_effect_p([2, 2, 2, 2], margin=2) == 1
    with pytest.raises(ValueError, match="margin"):
        minimum_effect_p(values, margin=-1)


def test_minimum_effect_errs_as_stated() -> None:
    # At the edge of the margin and at the level 0.1, either form rejects in a tenth of cases.
    random = np.random.default_rng(6)
    samples = random.normal(0.3, 1, (3000, 6))
    for direction in ("greater", None):
        rate = np.mean(
            [minimum_effect_p(x, margin=0.3, direction=direction) < 0.1 for x in samples]
        )
        assert rate == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / 3000))


def test_superiority_of_brunner_and_munzel() -> None:
    # Brunner and Munzel (2000), Biometrical Journal 42:17-25: pain scores after two treatments.
    # R's `lawstat::brunner.munzel.test` prints 0.788961 and the interval 0.5952169 to 0.9827052.
    first = [1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 1, 1]
    second = [3, 3, 4, 3, 1, 2, 3, 1, 1, 5, 4]
    found = superiority(second, first)
    assert found.probability == pytest.approx(0.788961, abs=5e-7)
    assert (found.low, found.high) == pytest.approx((0.5952169, 0.9827052), abs=5e-8)
    other = superiority(first, second)
    assert (other.low, other.high) == pytest.approx((1 - found.high, 1 - found.low))


def test_superiority_excludes_a_half_where_scipy_rejects() -> None:
    random = np.random.default_rng(7)
    for _ in range(30):
        x, y = random.normal(0.8, 1, 8), random.normal(0, 2, 11)
        p = stats.brunnermunzel(x, y).pvalue
        found = superiority(x, y, confidence=1 - p)
        assert min(abs(found.low - 0.5), abs(found.high - 0.5)) < 1e-9


def test_superiority_of_arms_that_do_not_overlap() -> None:
    found = superiority([5, 6, 7], [1, 2, 3, 4])
    assert found.probability == 1
    assert found.high == 1
    assert found.low == pytest.approx(stats.binomtest(3, 3).proportion_ci(0.95, "exact").low)
    equal = superiority([1, 1], [1, 1])
    assert equal.probability == 0.5
    assert math.isnan(equal.low)


def test_paired_superiority() -> None:
    a, b = [3, 5, 2, 8, 9, 1], [1, 4, 3, 2, 5, 0]
    found = paired_superiority(a, b)
    exact = stats.binomtest(5, 6).proportion_ci(0.95, "exact")
    assert found.probability == pytest.approx(5 / 6)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert paired_superiority([1, 2], [1, 2]).probability == 0.5


def test_synthesis_of_equal_estimates() -> None:
    found = synthesis([2, 2, 2], [1, 2, 3])
    assert found.heterogeneity.q == 0
    assert found.heterogeneity.tau_squared == found.heterogeneity.i_squared == 0
    weights = 1 / np.array([1, 4, 9])
    assert found.fixed_high == pytest.approx(2 + 1.959964 / math.sqrt(weights.sum()), rel=1e-6)


def test_synthesis_by_hand() -> None:
    # Two estimates with equal errors: Q = d² / (2 v), and τ² = d² / 2 - v.
    found = synthesis([0, 4], [1, 1])
    assert found.fixed == found.random == 2
    assert found.heterogeneity.q == pytest.approx(8)
    assert found.heterogeneity.tau_squared == pytest.approx(7)
    assert found.heterogeneity.i_squared == pytest.approx(7 / 8)
    assert found.random_high == pytest.approx(2 + 12.706205 * 2, rel=1e-6)
    # Units do not matter.
    tiny = synthesis([0, 4e-200], [1e-200, 1e-200])
    assert tiny.random_high == pytest.approx(found.random_high * 1e-200)
    for wrong in ([1.0], [1, 0.0], [1, -1.0]):
        with pytest.raises(ValueError, match="two estimates"):
            synthesis([1, 2][: len(wrong)], wrong)


def _has_metafor() -> bool:
    program = shutil.which("Rscript")
    if program is None:
        return False
    done = subprocess.run([program, "-e", "library(metafor)"], capture_output=True, timeout=300)
    return done.returncode == 0


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_synthesis_is_what_metafor_says(tmp_path: Path) -> None:
    if not _has_metafor():
        pytest.skip("R's metafor is not installed")
    random = np.random.default_rng(11)
    cases = []
    for k, spread in ((2, 0.0), (2, 3.0), (3, 0.5), (6, 0.0), (6, 1.0), (25, 2.0)):
        errors = random.uniform(0.3, 1.5, k)
        cases.append((random.normal(1, np.hypot(errors, spread)), errors))
    path = tmp_path / "check.R"
    lines = ["suppressMessages(library(metafor))", "out <- c()"]
    for y, errors in cases:
        lines += [
            f"y <- c({', '.join(map(repr, y.tolist()))})",
            f"s <- c({', '.join(map(repr, errors.tolist()))})",
            "common <- rma(y, sei = s, method = 'FE')",
            "mixed <- rma(y, sei = s, method = 'REML', test = 'knha', "
            "control = list(threshold = 1e-12, maxiter = 10000))",
            "p <- predict(mixed)",
            "out <- c(out, common$beta, common$ci.lb, common$ci.ub, mixed$beta, mixed$ci.lb, "
            "mixed$ci.ub, p$pi.lb, p$pi.ub, mixed$QE, mixed$QEp, mixed$I2 / 100, mixed$tau2)",
        ]
    lines.append("cat('[', paste(sprintf('%.15g', out), collapse = ', '), ']')")
    path.write_text("\n".join(lines))
    program = shutil.which("Rscript")
    assert program is not None
    done = subprocess.run([program, path], capture_output=True, text=True, check=True, timeout=300)
    said = np.reshape(json.loads(done.stdout), (len(cases), -1))
    for (y, errors), expected in zip(cases, said, strict=True):
        found = synthesis(y, errors)
        apart = found.heterogeneity
        assert [
            found.fixed,
            found.fixed_low,
            found.fixed_high,
            found.random,
            found.random_low,
            found.random_high,
            found.prediction_low,
            found.prediction_high,
            apart.q,
            apart.p_value,
            apart.i_squared,
            apart.tau_squared,
        ] == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-8)
