"""Independent sources: published worked examples, and R where it is installed."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fixbench.statistics import (
    holm,
    seeds_for_difference,
    student_t,
    tost,
)

# Student (1908), The probable error of a mean, Biometrika 6: hours of sleep gained by ten patients
# with two soporifics. As R prints it, `t.test(extra ~ group, data = sleep, paired = TRUE)`.
SLEEP = (
    [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0],
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
)
# Darwin (1876) in Fisher (1935), The Design of Experiments, sections 17 and 21: heights of crossed
# less self-fertilised maize, eighths of an inch.
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_students_sleep() -> None:
    found = student_t(np.subtract(*SLEEP))
    assert found.mean == pytest.approx(-1.58)
    assert found.p_value == pytest.approx(0.00283289, rel=1e-5)
    assert (found.low, found.high) == pytest.approx((-2.4598858, -0.7001142), rel=1e-6)


def test_fishers_maize() -> None:
    # Fisher: t = 2.148 with 14 degrees of freedom, 5 per cent being 2.145.
    found = student_t(MAIZE)
    assert sum(MAIZE) == 314
    assert 0.0495 < found.p_value < 0.05
    assert found.mean / ((found.high - found.mean) / 2.144787) == pytest.approx(2.148, abs=5e-4)


def test_planned_pairs() -> None:
    # R's help says "n = 33.36713" of power.t.test(delta = .5, power = .8, type = "paired"); that
    # counts power on both sides, which differs in the seventh digit.
    assert seeds_for_difference(0.5, 1, null=0, alpha=0.05) == 34


R = shutil.which("Rscript")


@pytest.mark.skipif(R is None, reason="R is not installed")
def test_everything_is_what_r_says(tmp_path: Path) -> None:
    random = np.random.default_rng(8)
    first, second = random.lognormal(size=(2, 12))
    p_values = random.beta(0.4, 3, 9)
    margin = 1.4
    script = f"""
    x <- c({", ".join(map(repr, map(float, first)))})
    y <- c({", ".join(map(repr, map(float, second)))})
    p <- c({", ".join(map(repr, map(float, p_values)))})
    test <- t.test(x, y, paired = TRUE, mu = 0.2, conf.level = 0.9)
    plain <- t.test(x, y, paired = TRUE)
    # Two one-sided tests by hand.
    lower <- t.test(x, y, paired = TRUE, mu = -{margin}, alternative = "greater")$p.value
    upper <- t.test(x, y, paired = TRUE, mu = {margin}, alternative = "less")$p.value
    n <- function(delta, level)
      power.t.test(delta = delta, power = 0.8, sig.level = level, type = "one.sample")$n
    numbers <- c(test$p.value, test$conf.int, plain$p.value, max(lower, upper),
                 p.adjust(p, "holm"), n(0.5, 0.05), n(0.8, 0.05 / 40), n(2, 0.05))
    cat("[", paste(sprintf("%.15g", numbers), collapse = ", "), "]")
    """
    path = tmp_path / "check.R"
    path.write_text(script)
    assert R is not None
    done = subprocess.run([R, path], capture_output=True, text=True, check=True, timeout=300)
    p_value, low, high, plain, equivalent, *rest = json.loads(done.stdout)
    adjusted, seeds = rest[:9], rest[9:]
    differences = first - second
    found = student_t(differences, null=0.2, confidence=0.9)
    assert (found.p_value, found.low, found.high) == pytest.approx((p_value, low, high), rel=1e-9)
    assert student_t(differences).p_value == pytest.approx(plain, rel=1e-9)
    assert tost(differences, low=-margin, high=margin) == pytest.approx(equivalent, rel=1e-9)
    named = {str(place): float(p) for place, p in enumerate(p_values)}
    assert list(holm(named).values()) == pytest.approx(adjusted, rel=1e-9)
    planned = [
        seeds_for_difference(effect, 1, null=0, alpha=alpha)
        for effect, alpha in ((0.5, 0.05), (0.8, 0.05 / 40), (2, 0.05))
    ]
    assert planned == [math.ceil(n) for n in seeds]
