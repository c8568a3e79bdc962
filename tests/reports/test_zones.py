"""The picture of the zones says of each interval what the rule says of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fixbench.ablation import Ablation
from fixbench.reports._rules import VERDICTS
from fixbench.reports.figures import EXAMPLES, zones
from fixbench.reports.figures._zones import DOCUMENTED_SIZE, MARGIN, TOLERANCE, Example
from fixbench.results import COLUMNS
from fixbench.verdicts import adjudicate

ROOT = Path(__file__).parents[2]
SEEDS = 12


def judged(example: Example) -> Any:
    """The verdict on seeds whose 95 % interval is that of the picture."""
    even = np.linspace(-1, 1, SEEDS)
    half = (example.high - example.low) / 2
    deviation = half / stats.t.ppf(0.975, SEEDS - 1) * np.sqrt(SEEDS)
    values = (example.low + example.high) / 2 + deviation * even / np.std(even, ddof=1)
    rows = [
        ("toy", variant, seed, "test", 0, "gain", value * (variant == "b"), "1", "ok")
        for variant in "ab"
        for seed, value in enumerate(values)
    ]
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(file="results.parquet")
    terms = [
        {"variant": name, "metric": "gain", "stage": "test", "weight": weight}
        for name, weight in (("b", 1.0), ("a", -1.0))
    ]
    ablation = Ablation.model_validate(
        {
            "title": "Toy",
            "question": "Does it?",
            "document": {"file": "toy.txt", "title": "Toy", "section": "1"},
            "system": "toy",
            "baseline_variant": "a",
            "baseline": {"scale": 1.0},
            "variants": {
                "a": {"reason": "baseline"},
                "b": {"reason": "changed", "changes": {"scale": 0.1}},
            },
            "metrics": {"gain": {"unit": "1", "better": "higher", "description": "gain"}},
            "tiers": {"small": {"seeds": f"0-{SEEDS - 1}", "scaled_down": []}},
            "threats": ["made up"],
            "claims": [
                {
                    "id": "TO01",
                    "statement": "It gains.",
                    "section": "1",
                    "kind": "outcome",
                    "documented": {"text": "a gain", "value": DOCUMENTED_SIZE},
                    "effect": {"terms": terms},
                    "decision": {
                        "rule": "difference",
                        "direction": "greater",
                        "margin": MARGIN,
                        "tolerance": TOLERANCE,
                    },
                }
            ],
        }
    )
    (result,) = adjudicate(ablation, frame, tier="small")
    assert result.effect is not None
    assert (result.effect.low, result.effect.high) == pytest.approx((example.low, example.high))
    return result.verdict


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.verdict)
def test_the_rule_gives_each_interval_the_word_of_the_picture(example: Example) -> None:
    assert judged(example) == example.verdict


def test_every_zone_has_its_word() -> None:
    drawn = [example.verdict for example in EXAMPLES]
    assert len(drawn) == len(set(drawn)) == 7
    assert set(drawn) <= set(VERDICTS)
    texts = [text.text for text in ElementTree.fromstring(zones()).iter() if text.text]
    for example in EXAMPLES:
        assert example.verdict in texts
        assert example.words in texts


def test_the_picture_of_the_docs_is_the_one_of_the_reports() -> None:
    picture = (ROOT / "docs" / "zones.svg").read_text(encoding="utf-8")
    assert picture == f"{zones(paper='#ffffff')}\n"
