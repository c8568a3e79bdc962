"""Provenance: whether records, rows and ablation files speak of the same run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fixbench.ablation import claim_hash
from fixbench.errors import InputError
from fixbench.provenance import code_hash, file_hash, lock_files, read_provenance
from fixbench.results import read_metadata, read_results
from fixbench.tracking import tracked_hash
from fixbench.verification._check import Check, Mismatch, compare
from fixbench.verification._run import Run

__all__ = ["check_origin"]


def check_origin(run: Run) -> Check:
    """Hashes of outputs and inputs, seeds, options and claims.

    A claim that was edited after its results is a mismatch only where the table does not say so.
    Other code and other lock files are named: rows that are run again may then differ.
    """
    return _Origin(run).check()


class _Origin:
    def __init__(self, run: Run) -> None:
        self.run = run
        self.records = {path: read_provenance(path) for path in run.records}
        self.metadata = {path: read_metadata(path) for path in run.rows}
        self.compared = 0
        self.mismatches: list[Mismatch] = []
        self.remarks: list[str] = []

    def check(self) -> Check:
        if self.records:
            self._outputs()
            self._inputs()
            self._seeds()
            self._surroundings()
        else:
            self.remarks.append("no provenance is kept")
        self._claims()
        self._options()
        return Check(
            ablation=self.run.name,
            name="provenance",
            compared=self.compared,
            of=f"hashes, seeds, options and claims of {len(self.records)} jobs",
            mismatches=self.mismatches,
            remark="; ".join(self.remarks),
        )

    def _same(self, file: Path, where: str, found: Any, expected: Any) -> None:
        self.compared += 1
        if found != expected:
            self.mismatches.append(Mismatch(file=file, where=where, found=found, expected=expected))

    def _outputs(self) -> None:
        """Rows that were collected name the files of the jobs; those of a job lie here."""
        collected: dict[str, str] = {}
        for content in self.metadata.values():
            collected |= content.get("files", {})
        recorded: dict[str, str] = {}
        here = same = 0
        for path, record in self.records.items():
            for output, digest in record["outputs"].items():
                recorded[output] = digest
                if output in collected:
                    self._same(path, f"outputs {output}", digest, collected[output])
                if not (self.run.root / output).is_file():
                    continue
                found = file_hash(self.run.root / output)
                here, same = here + 1, same + (found == digest)
                if not self.run.published:
                    self._same(self.run.root / output, "SHA-256", found, digest)
        for output in collected:
            if output not in recorded:
                self._same(self.run.rows[0], f"files {output}", "in no record", "in one")
        if self.run.published and here:
            self.remarks.append(
                f"of the jobs' outputs {here} lie here too, {same} with the same bytes"
            )

    def _inputs(self) -> None:
        """Each input is what is tracked now; early records have the first characters of a hash."""
        read: dict[tuple[str, str], list[Path]] = {}
        for path, record in self.records.items():
            if "data_seed" not in record:  # else it is generated, and not tracked
                for name, digest in record["inputs"].items():
                    read.setdefault((name, digest), []).append(path)
        for (name, digest), paths in read.items():
            try:
                now = tracked_hash(self.run.root, name)[: len(digest)]
            except InputError:
                now = None
            self._same(paths[0], f"inputs {name} (of {len(paths)} jobs)", digest, now)
            self.compared += len(paths) - 1

    def _seeds(self) -> None:
        """Each record is of this ablation and tier, and each run of the rows is of a record."""
        asked: dict[str, set[int]] = {}
        for path, record in self.records.items():
            for key, value in (("ablation", self.run.name), ("tier", self.run.tier)):
                self._same(path, key, record[key], value)
            asked.setdefault(record["variant"], set()).update(record["seeds"])
        if not self.run.rows:
            return
        rows = read_results(self.run.rows)
        found = {str(name): set(part.tolist()) for name, part in rows.groupby("variant")["seed"]}
        for variant in sorted({*asked, *found}):
            self._same(
                self.run.rows[0],
                f"seeds of {variant}",
                sorted(found.get(variant, ())),
                sorted(asked.get(variant, ())),
            )

    def _surroundings(self) -> None:
        code = code_hash(self.run.ablation, self.run.folder)
        if any(record["code"].get("sha256") != code for record in self.records.values()):
            self.remarks.append("jobs ran with other code than that of this checkout")
        locks = lock_files(self.run.root, self.run.ablation.environment)
        now = {path.relative_to(self.run.root).as_posix(): file_hash(path) for path in locks}
        if any(record["lock"] != now for record in self.records.values()):
            self.remarks.append("jobs ran with other lock files")

    def _claims(self) -> None:
        recorded: dict[str, set[str]] = {}
        for content in self.metadata.values():
            for key, forms in content["claims"].items():
                for form in forms if isinstance(forms, list) else [forms]:
                    recorded.setdefault(key, set()).add(claim_hash(form))
        declared = {claim.id: claim_hash(claim) for claim in self.run.ablation.claims}
        edited = 0
        for row in self.run.claims:
            if row.verdict == "withdrawn":
                continue
            where = f"{row.id} claim_sha256"
            self._same(self.run.table, where, row.claim_sha256, declared.get(row.id))
            edited += row.edited
            if self.run.rows and not row.edited:
                found = recorded.get(row.id, set())
                now = row.claim_sha256
                self._same(
                    self.run.rows[0],
                    f"{row.id} claim of the results",
                    ", ".join(sorted(found)) or None,
                    now,
                )
        if edited:
            self.remarks.append(f"{edited} claims are marked as edited after the results")

    def _options(self) -> None:
        in_tier = self.run.ablation.at(self.run.tier)
        without = False
        for path, content in self.metadata.items():
            recorded = _recorded_options(content)
            without = without or not recorded
            for variant, forms in recorded.items():
                if variant not in in_tier.variants:
                    self._same(path, f"variant {variant}", "run", None)
                    continue
                for form in forms:
                    for key, found, expected, same in compare(form, in_tier.options(variant)):
                        self.compared += 1
                        if not same:
                            self.mismatches.append(
                                Mismatch(
                                    file=path,
                                    where=f"options of {variant}: {key}",
                                    found=found,
                                    expected=expected,
                                )
                            )
        if without:
            self.remarks.append("the rows do not say with which options they were made")


def _recorded_options(content: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Variant → each form of its options; empty in rows that an earlier version collected."""
    options = content.get("options", {})
    if "variant" in content:
        return {content["variant"]: [options]}
    return {variant: list(forms) for variant, forms in options.items()}
