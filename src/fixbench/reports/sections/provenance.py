"""What ran on what, at what cost, and which rows and files every number rests on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fixbench.reports import _records
from fixbench.reports._format import NOT_RECORDED, bytes_, duration, seed_ranges, short_hash
from fixbench.reports._inputs import Inputs
from fixbench.reports._records import Record, agreed, nested
from fixbench.reports._sources import FileView, ResultFiles, SourceView, claim_sources
from fixbench.reports._views import Fact, TableText
from fixbench.reports.sections._section import Section

__all__ = ["ProvenanceSection", "build"]

Cost = tuple[str, str, str, str, str]


_FACTS_CAPTION = "Code, inputs, environment and machine of the jobs. Hashes are cut to 12 digits."
_COSTS = TableText(
    caption="Cost by variant. Times are summed over jobs; memory is the largest of any job.",
    columns=("Variant", "Jobs", "Wall time", "Processor time", "Peak memory"),
)
_SOURCES_NOTE = (
    "Every number above is computed from the cells listed here. A cell is all rows of one variant, "
    "stage and metric at the given steps, with one value per seed and step."
)
_SOURCES = TableText(
    caption="Source cells of every claim",
    columns=("Claim", "Number", "Variant", "Stage", "Metric", "At", "Rows", "Files"),
)
_FILES = TableText(caption="Result files", columns=("File", "Path", "SHA-256"))


@dataclass(frozen=True, kw_only=True)
class ProvenanceSection(Section):
    """Provenance with the texts of its tables.

    Attributes:
        costs: variant, jobs, wall time, processor time, peak memory; times are summed over jobs.
    """

    facts: list[Fact]
    facts_caption: str = _FACTS_CAPTION
    costs: list[Cost]
    costs_table: TableText = _COSTS
    sources: list[SourceView]
    sources_note: str = _SOURCES_NOTE
    sources_table: TableText = _SOURCES
    files: list[FileView]
    files_table: TableText = _FILES


def build(inputs: Inputs) -> ProvenanceSection:
    """The section."""
    files = ResultFiles(inputs.frame, inputs.provenance)
    return ProvenanceSection(
        layout="provenance",
        id="provenance",
        heading="Provenance",
        navigation="Provenance",
        facts=_facts(inputs.provenance),
        costs=_costs(inputs.provenance),
        sources=claim_sources(inputs.ablation.claims, files),
        files=files.table(),
    )


def _facts(records: Sequence[Record]) -> list[Fact]:
    facts = [
        ("Jobs", str(len(records))),
        ("Code version", agreed(records, _records.code)),
        ("Date of the code", agreed(records, lambda record: nested(record, "code", "date"))),
        (
            "Source of the jobs (SHA-256)",
            agreed(records, lambda record: short_hash(nested(record, "code", "sha256"))),
        ),
    ]
    for heading, key in (("Lock file", "lock"), ("Input", "inputs")):
        names = sorted({name for record in records for name in nested(record, key) or {}})
        facts += [
            (f"{heading} {name}", agreed(records, partial(_records.hash_of, key=key, name=name)))
            for name in names
        ] or [(heading, NOT_RECORDED)]
    facts += [
        ("Python", agreed(records, lambda record: nested(record, "python"))),
        ("Platform", agreed(records, lambda record: nested(record, "platform"))),
        ("Runtime", agreed(records, _records.runtime)),
        ("Image", agreed(records, _records.image)),
        ("GPUs", agreed(records, _records.gpus)),
        ("Device", agreed(records, _records.device)),
        ("Driver", agreed(records, lambda record: nested(record, "device", "driver"))),
        ("Libraries", agreed(records, _records.libraries)),
        ("Threads per job", agreed(records, lambda record: nested(record, "threads"))),
    ]
    seeds = [int(seed) for record in records for seed in nested(record, "seeds") or []]
    facts.append(("Seeds", seed_ranges(seeds) if seeds else NOT_RECORDED))
    started = sorted(str(record["started"]) for record in records if record.get("started"))
    facts.append(("First job started", started[0] if started else NOT_RECORDED))
    return facts


def _costs(records: Sequence[Record]) -> list[Cost]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(str(record.get("variant", NOT_RECORDED)), []).append(record)
    table = [_cost(name, group) for name, group in sorted(groups.items())]
    return [*table, _cost("all", records)] if len(groups) > 1 else table


def _cost(name: str, records: Sequence[Record]) -> Cost:
    return (
        name,
        str(len(records)),
        _combined(records, "wall_seconds", sum, duration),
        _combined(records, "cpu_seconds", sum, duration),
        _combined(records, "peak_memory_bytes", max, bytes_),
    )


def _combined(
    records: Sequence[Record],
    key: str,
    combine: Callable[[list[float]], float],
    show: Callable[[float], str],
) -> str:
    """One value for all jobs, with the number of jobs that lack it."""
    values = [float(record[key]) for record in records if record.get(key) is not None]
    lacking = len(records) - len(values)
    if not values:
        return NOT_RECORDED
    return show(combine(values)) + (f" ({lacking} {NOT_RECORDED})" if lacking else "")
