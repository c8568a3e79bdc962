"""The rules that there are, and what it takes to add one: one file."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, cast

import pytest

import fixbench.statistics
import fixbench.verdicts
from fixbench.analysis import load_claims, save_claims
from fixbench.errors import InputError
from fixbench.reports._rules import decision_rule
from fixbench.verdicts import adjudicate, check_claims, load_rule, look_at, rule_names, rules
from fixbench.workflow import unreachable

Make = Callable[..., Any]

#: Whether the mean exceeds the null by a factor of the margin; needs four seeds.
TOY = '''
"""The claim asserts an effect of twice the margin."""

from fixbench import statistics
from fixbench.verdicts._ruling import Ruling
from fixbench.verdicts.rules._mean import MeanRule
from fixbench.verdicts.rules._rule import Problem


class _Twice(MeanRule):
    name = "twice"
    within = None

    def check(self, claim):
        if claim.decision.margin is None:
            yield Problem("decision", "a 'twice' rule with a margin")

    def judge(self, tested, evidence):
        bound = 2 * tested.claim.decision.margin
        if not evidence["different"].shown:
            return self.ruling(tested, evidence, "inconclusive", "open")
        verdict = "reproduced" if tested.effect.low > bound else "direction only"
        return self.ruling(tested, evidence, verdict, verdict, details={"bound": bound})

    def seeds_needed(self, tested, alpha):
        effect = tested.effect
        return statistics.seeds_for_difference(
            tested.seeds.mean, effect.standard_deviation, null=0.0, alpha=alpha
        ), "reproduced"

    def fewest_seeds(self, decision, *, family, alpha):
        return 4

    def explain(self, ruling, result):
        return f"More than {ruling.details['bound']}" if ruling.finding != "open" else "Open"


RULE = _Twice()
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A rule module that is dropped into the package's path."""
    (tmp_path / "twice.py").write_text(TOY)
    monkeypatch.setattr(rules, "__path__", [*rules.__path__, str(tmp_path)])
    yield
    sys.modules.pop("fixbench.verdicts.rules.twice", None)


#: The rules that claims of the three ablations may rely on: name → whether a test decides.
KNOWN = {
    "difference": True,
    "no_difference": True,
    "not_testable": False,
    "not_worse": True,
    "property": False,
    "share": True,
    "two_part": True,
}


def test_the_rules_are_the_modules_of_the_package() -> None:
    folder = Path(rules.__file__).parent
    modules = sorted(path.stem for path in folder.glob("*.py") if path.stem[0] != "_")
    assert list(rule_names()) == modules
    found = {name: load_rule(name) for name in rule_names()}
    assert {name: rule.name for name, rule in found.items()} == {name: name for name in modules}
    assert {name: found[name].tested for name in KNOWN} == KNOWN
    with pytest.raises(KeyError):
        load_rule("_mean")


@pytest.mark.usefixtures("toy")
def test_a_new_rule_is_one_file(
    make_ablation: Make, make_claim: Make, make_frame: Make, planted: Make, tmp_path: Path
) -> None:
    assert "twice" in rule_names()
    ablation = make_ablation([make_claim({}), make_claim({}, id="TT02")])
    claim, other = ablation.claims

    def with_margin(margin: float | None) -> Any:
        decision = claim.decision.model_copy(update={"rule": "twice", "margin": margin})
        return ablation.model_copy(
            update={"claims": [claim.model_copy(update={"decision": decision}), other]}
        )

    # Declared,
    check_claims(with_margin(0.5), "claims.yaml")
    with pytest.raises(InputError, match=r"claims.TT01.decision; expected a 'twice' rule with"):
        check_claims(with_margin(None), "claims.yaml")
    # announced by its docstring,
    announced = decision_rule(with_margin(0.5).claims[0], 0.95)
    assert "The claim asserts an effect of twice the margin." in announced
    # asked what it can reach,
    assert unreachable(with_margin(0.5), 3)[-1].endswith("TT01 cannot: it takes 4 seeds")
    # judged with the other claim of its family,
    frame = make_frame({"a": dict.fromkeys(range(10), 5.0), "b": planted(1.5)})
    first, second = cast(Any, adjudicate(with_margin(0.5), frame, tier="small"))
    assert (first.verdict, first.ruling.details) == ("reproduced", {"bound": 1.0})
    assert "More than 1.0." in first.reason
    assert first.p_adjusted == pytest.approx(2 * first.effect.p_value)
    assert second.p_equivalence_adjusted == second.p_equivalence
    assert adjudicate(with_margin(2.0), frame, tier="small")[0].verdict == "direction only"
    # written and read,
    save_claims(tmp_path / "claims.json", [first, second])
    assert load_claims(tmp_path / "claims.json")[0].ruling == first.ruling
    # and waited for until its verdict.
    seen, progress = look_at(with_margin(0.5), frame, tier="small", looks=(5, 10))
    assert seen["TT01"].p_values.keys() == {"different", "beyond"}
    assert progress.undecided == ()


def test_listing_and_checking_rules_imports_nothing_slow() -> None:
    script = """
        import sys
        from fixbench.workflow import unreachable
        from fixbench.verdicts import check_claims, is_tested, load_rule, rule_names
        for name in rule_names():
            load_rule(name)
        print(*sorted({"numpy", "pandas", "scipy"} & sys.modules.keys()))
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("package", [fixbench.statistics, fixbench.verdicts])
def test_every_public_name_is_imported_when_it_is_used(package: Any) -> None:
    source = Path(package.__file__).read_text()
    declared = [line.split(" as ")[1] for line in source.splitlines() if " as " in line]
    assert len(declared) > 10
    for name in declared:
        assert getattr(package, name) is not None
        assert f'"{name}"' in source
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = package.nothing


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class _Twice", "class class", r"line \d+; expected a rule that can be imported \(Syntax"),
        ("import MeanRule", "import NoRule", r"expected a rule that can be imported \(ImportError"),
        ("RULE = ", "OTHER = ", "RULE; expected an instance of a class of ExactRule or TestedRule"),
        ("RULE = _Twice()", "RULE = _Twice", "RULE is .*; expected an instance of a class"),
        ('name = "twice"', 'name = "thrice"', "RULE.name is 'thrice'; expected 'twice', as the"),
        ('name = "twice"', "", "RULE.name is ''; expected 'twice', as the file is called"),
    ],
)
@pytest.mark.usefixtures("toy")
def test_a_rule_file_that_is_wrong(old: str, new: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "twice.py"
    assert old in TOY
    file.write_text(TOY.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        load_rule("twice")
    assert caught.value.file == str(file)
