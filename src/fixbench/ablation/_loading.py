"""Reading the folder of an ablation: written files → expansion → model → checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from fixbench.ablation._base import Strict
from fixbench.ablation._checks import Checks, check_claims_named
from fixbench.ablation._claims import Claim
from fixbench.ablation._contrasts import Contrasts
from fixbench.ablation._findings import Conclusion, LaterThreat, Threat
from fixbench.ablation._grids import expand_variants
from fixbench.ablation._metrics_from import metrics_from_problems
from fixbench.ablation._model import Ablation, Metric, family_of, metric_problem
from fixbench.ablation._places import Keys
from fixbench.ablation._sentence_checks import SentenceChecks
from fixbench.ablation._written import (
    WrittenAblation,
    WrittenCitations,
    WrittenClaim,
    WrittenClaims,
    WrittenFindings,
    WrittenMetric,
)
from fixbench.reading import Source, read_source, validation_problem

__all__ = ["load_ablation", "unused_levels", "written_place"]

ABLATION, CLAIMS, FINDINGS = "ablation.yaml", "claims.yaml", "findings.yaml"
CITATIONS = "citations.yaml"
M = TypeVar("M", bound=Strict)

#: Top-level key → the file that it belongs to, where it is easily looked for in another.
_BELONGS = {
    "claims": CLAIMS,
    "citations": CITATIONS,
    "conclusions": FINDINGS,
    "figures": FINDINGS,
    "found": FINDINGS,
    "setting": FINDINGS,
}


def load_ablation(path: Path) -> Ablation:
    """Read an ablation's files and check everything that can be checked without running it.

    Args:
        path: its folder, or the ``ablation.yaml`` in it.

    Raises:
        InputError: a file cannot be read or says something that is wrong.
    """
    folder = path if path.is_dir() else path.parent
    source = read_source(folder / ABLATION if path.is_dir() else path)
    written = _validated(source, WrittenAblation)
    claims_source = read_source(folder / CLAIMS)
    claims_written = _validated(claims_source, WrittenClaims)
    cited = _cited(claims_written.claims, folder / CITATIONS)
    findings, findings_source = WrittenFindings(), source
    if (folder / FINDINGS).exists():
        findings_source = read_source(folder / FINDINGS)
        findings = _validated(findings_source, WrittenFindings)

    for metric in written.metrics:
        expected = metric_problem(metric, family=True)
        if expected is not None:
            raise source.problem(("metrics", metric), metric, expected=expected)
    if written.preload and written.command is None:
        expected = "no such key: it belongs to a 'command'"
        raise source.problem(("preload",), expected=expected)
    _check_metrics_from(written, source)
    variants, assignments, places = expand_variants(written, source)
    names = list(variants)
    contrasts = Contrasts(claims_source, names, assignments, written.metrics)
    claims = [
        _claim(claim, ("claims", index), contrasts, claims_source)
        for index, claim in enumerate(cited)
    ]
    tables = Contrasts(source, names, assignments, written.metrics)
    content: dict[str, Any] = {
        name: getattr(written, name)
        for name in (
            "title",
            "question",
            "document",
            "system",
            "command",
            "results",
            "environment",
            "inputs",
        )
    }
    content |= {
        "draws": written.draws,
        "preload": written.preload,
        "metrics_from": written.metrics_from,
        "limits": written.limits,
        "baseline_variant": written.baseline_variant,
        "baseline": written.baseline,
        "variants": variants,
        "claims": claims,
        "figures": _figures(
            findings, Contrasts(findings_source, names, assignments, written.metrics)
        ),
        "headline": findings.headline,
        "setting": findings.setting,
        "conclusions": findings.conclusions,
        "found": findings.found,
        "comparisons": _comparisons(written, tables, source),
        "curves": written.curves,
        "tiers": written.tiers,
        "threats": written.threats,
        "later_threats": findings.threats,
    }
    for index, metric in enumerate(written.curves):
        tables.usual_of(metric, ("curves", index))
    content |= _metrics(written, _used(claims, content["comparisons"], written.curves))
    ablation = _made(source, content)
    Checks(ablation, source, claims_source, written.factors, places).run()
    known = {claim.id for claim in claims}
    check_claims_named(source, _named(written.threats), known)
    supposed = _supposed("conclusions", findings.conclusions) | _supposed("found", findings.found)
    check_claims_named(findings_source, _named(findings.threats) | supposed, known)
    if findings.headline is not None:
        primary = {claim.id for claim in claims if claim.primary}
        check_claims_named(
            findings_source, {("headline",): [findings.headline]}, primary, kind="a primary claim"
        )
    # A tier that runs no variant is none.
    runs = {name: plan for name, plan in ablation.tiers.items() if ablation.at(name).variants}
    ablation = ablation.model_copy(update={"tiers": runs})
    SentenceChecks(ablation, findings_source, [source.content, claims_source.content]).run()
    return ablation


def written_place(file: Path, variant: str, key: str, *below: str) -> tuple[Source, Keys]:
    """``ablation.yaml`` as it is read, and the keys in it of what a variant says.

    For messages about an ablation that was loaded: a variant of a grid says what the levels of
    its factors, its cell and its grid say.

    Args:
        key: of the variant, such as ``changes``.
        below: keys below it, such as the dotted option.

    Raises:
        InputError: as `load_ablation`.
    """
    source = read_source(file)
    _, _, places = expand_variants(_validated(source, WrittenAblation), source)
    return source, places.of(variant, key, *below)


def unused_levels(file: Path) -> list[tuple[Source, Keys, dict[str, Any]]]:
    """The levels of factors that no variant has: where each is written, and what it changes.

    For checks of an ablation that was loaded: what a level changes otherwise reaches a system by
    way of a variant.

    Args:
        file: ``ablation.yaml``.

    Raises:
        InputError: as `load_ablation`.
    """
    source = read_source(file)
    written = _validated(source, WrittenAblation)
    _, assignments, places = expand_variants(written, source)
    return [
        (source, places.level(factor, level, next(iter(declared.changes)))[:-1], declared.changes)
        for factor, levels in written.factors.items()
        for level, declared in levels.items()
        if not assignments.used(factor, level)
    ]


def _validated(source: Source, model: type[M]) -> M:
    content = source.content
    if not isinstance(content, dict):
        raise source.problem(
            (), expected=f"keys with values, such as {next(iter(model.model_fields))!r}"
        )
    for key in content:
        file = _BELONGS.get(key, source.path.name)
        if key not in model.model_fields and file != source.path.name:
            expected = f"no such key here; it belongs in {source.path.with_name(file)}"
            raise source.problem((key,), expected=expected)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        unknown = f"no such key; see config/{source.path.stem}.schema.json"
        raise validation_problem(source, error, unknown=unknown) from None


def _check_metrics_from(written: WrittenAblation, source: Source) -> None:
    reader = written.metrics_from
    if reader is None:
        return
    if written.command is None:
        expected = "no such key: it belongs to a 'command'"
        raise source.problem(("metrics_from",), expected=expected)
    declared = [
        name
        for name in reader.mapped
        if metric_problem(name) is None
        and (name in written.metrics or family_of(name, written.metrics) is not None)
    ]
    for keys, value, expected in metrics_from_problems(reader, declared, written.metrics):
        raise source.problem(("metrics_from", *keys), value, expected=expected)


def _made(source: Source, content: dict[str, Any]) -> Ablation:
    try:
        return Ablation.model_validate(content)
    except ValidationError as error:
        raise validation_problem(source, error) from None


def _cited(claims: list[WrittenClaim], path: Path) -> list[WrittenClaim]:
    """The claims with the places that ``citations.yaml`` gives them, if there is one."""
    if not path.exists():
        return claims
    source = read_source(path)
    places = _validated(source, WrittenCitations).citations
    known = {claim.id: claim for claim in claims}
    for id_ in places:
        if id_ not in known:
            expected = f"a claim of {path.with_name(CLAIMS)}: {', '.join(known)}"
            raise source.problem(("citations", id_), id_, expected=expected)
        if known[id_].model_fields_set & {"lines", "quotes"}:
            expected = f"the place of a claim once; {CLAIMS} has it too"
            raise source.problem(("citations", id_), id_, expected=expected)
    return [
        claim.model_copy(
            update=places[claim.id].model_dump(include=places[claim.id].model_fields_set)
        )
        if claim.id in places
        else claim
        for claim in claims
    ]


def _claim(
    written: WrittenClaim, keys: tuple[str | int, ...], contrasts: Contrasts, source: Source
) -> Claim:
    """The claim with the terms of its effects."""
    content = {name: getattr(written, name) for name in written.model_fields_set}
    usual = None
    if written.effect is not None:
        content["effect"], usual = contrasts.expand(written.effect, (*keys, "effect"))
    for kind in ("preconditions", "controls", "supporting"):
        if kind in content:
            content[kind] = [
                {
                    **{name: getattr(item, name) for name in item.model_fields_set},
                    "effect": contrasts.expand(item.effect, (*keys, kind, index, "effect"), usual)[
                        0
                    ],
                }
                for index, item in enumerate(content[kind])
            ]
    try:
        return Claim.model_validate(content)
    except ValidationError as error:
        raise validation_problem(source, error, within=keys) from None


def _figures(findings: WrittenFindings, contrasts: Contrasts) -> dict[str, Any]:
    found = {}
    for name, effect in findings.figures.items():
        keys = ("figures", name)
        if effect.slope is not None or effect.factorial is not None:
            expected = "no 'slope' and no 'factorial', which belong to a claim"
            raise contrasts.source.problem(keys, expected=expected)
        found[name], _ = contrasts.expand(effect, keys)
    return found


def _comparisons(
    written: WrittenAblation, tables: Contrasts, source: Source
) -> list[dict[str, Any]]:
    found = []
    for index, table in enumerate(written.comparisons):
        keys = ("comparisons", index)
        for place, variant in enumerate(table.variants):
            tables.variant(variant, (*keys, "variants", place))
        usual = tables.usual_of(table.metric, (*keys, "metric"))
        stage = table.stage or usual.stage
        if stage is None:
            expected = f"this key: {table.metric} declares no usual stage"
            raise source.problem((*keys, "stage"), expected=expected)
        at = table.at if table.at is not None else usual.at
        found.append(
            {
                "name": table.name,
                "variants": table.variants,
                "pairs": table.pairs,
                "metric": table.metric,
                "stage": stage,
                "at": "last" if at is None else at,
                "scale": table.scale or usual.scale or "plain",
            }
        )
    return found


def _used(
    claims: list[Claim], comparisons: list[dict[str, Any]], curves: list[str]
) -> dict[str, None]:
    """The names of metrics that are in use, in the order of their first use."""
    terms = [term for claim in claims for _, effect in claim.effects() for term in effect.weighted]
    return dict.fromkeys(
        [term.metric for term in terms] + [table["metric"] for table in comparisons] + curves
    )


def _metrics(written: WrittenAblation, used: dict[str, None]) -> dict[str, dict[str, Metric]]:
    """Metrics by name, with the members of a family that are in use at its place."""
    metrics: dict[str, Metric] = {}
    families: dict[str, Metric] = {}
    for name, declared in written.metrics.items():
        if not name.endswith("/*"):
            metrics[name] = _metric(declared)
            continue
        families[name] = _metric(declared)
        for member in used:
            if member not in written.metrics and family_of(member, written.metrics) == name:
                metrics[member] = families[name]
    return {"metrics": metrics, "families": families}


def _metric(declared: WrittenMetric) -> Metric:
    return Metric(
        unit=declared.unit,
        better=declared.better,
        description=declared.description,
        smallest_effect=declared.smallest_effect,
    )


def _named(threats: Sequence[Threat | LaterThreat]) -> dict[tuple[str | int, ...], list[str]]:
    return {
        ("threats", index, "claims"): threat.claims or [] for index, threat in enumerate(threats)
    }


def _supposed(kind: str, conclusions: list[Conclusion]) -> dict[tuple[str | int, ...], list[str]]:
    return {
        (kind, index, "given"): list(conclusion.given)
        for index, conclusion in enumerate(conclusions)
    }
