"""A run becomes a crate: its files, and the metadata that describe them."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fixbench
from fixbench.crate._entities import (
    CONTEXT,
    PROFILES,
    Entity,
    authors,
    file_entity,
    licence,
    local,
    named,
    refs,
)
from fixbench.crate._run import Run
from fixbench.errors import InputError
from fixbench.files import whole_folder, write_text

__all__ = ["write_crate"]

_SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
_PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_COMPUTATIONAL = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_COMPLETED = "http://schema.org/CompletedActionStatus"
_FULL_HASH = 64


def write_crate(run: Run, folder: Path) -> Path:
    """Write the crate of a run to a folder that does not exist, whole or not at all.

    The same run gives the same bytes.

    Returns:
        ``ro-crate-metadata.json`` in it.

    Raises:
        InputError: the folder exists or cannot be written, or ``CITATION.cff`` or the Snakefile is
            missing.
    """
    if folder.exists():
        raise InputError(folder, "", expected="a folder that does not exist yet")
    if run.root / "Snakefile" not in run.sources:
        raise InputError(run.root / "Snakefile", "", expected="the workflow of the run")
    metadata = _Crate(run).metadata()
    root = metadata["@graph"][1]
    text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
    with whole_folder(folder) as partial:
        for path in (*run.sources, *run.locks, *run.records, *run.results, *run.pages):
            place = partial / run.place(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        write_text(partial / "README.md", _README.format(**root))
        write_text(partial / "ro-crate-metadata.json", text)
    return folder / "ro-crate-metadata.json"


_README = """# {name}

{description}

`ro-crate-metadata.json` says what each file is, with its SHA-256, and what ran on what. The folder
is a [Workflow Run RO-Crate](https://w3id.org/ro/wfrun/workflow/0.5). It holds the workflow, the
ablations, the locked packages, the records of the jobs, verdicts and reports. The code of the
systems and the data are not in it.
"""


class _Crate:
    """The metadata of one crate."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._entities: dict[str, Entity] = {}
        self._inputs: dict[str, Entity] = {}
        self._cited, people = authors(run.root / "CITATION.cff")
        self._authors = [self._add(item) for item in people]
        self._licence = self._add(licence(self._cited["license"]))

    def metadata(self) -> dict[str, Any]:
        """The content of ``ro-crate-metadata.json``."""
        run = self._run
        sources = self._files(
            run.sources, "Part of the workflow or of an ablation, as in this checkout"
        )
        locks = self._files(run.locks, "Locked packages, with hashes")
        results = self._files(run.results, "Rows that a job wrote")
        pages = self._files(run.pages, "Verdicts, reports or rows")
        records = self._files(list(run.records), "What ran on what in one job")
        jobs = [
            self._job(record, file)
            for record, file in zip(run.records.values(), records, strict=True)
        ]
        timed = [job for job in jobs if "startTime" in job]
        if not timed:
            expected = "the time of start of one job or more"
            raise InputError(next(iter(run.records)), "started", expected=expected)
        workflow = self._workflow(pages)
        whole = self._add(
            named(
                "#run",
                "CreateAction",
                f"All jobs, verdicts and reports of tier {run.tier}",
                description=self._what_ran(len(jobs), len(timed)),
                instrument={"@id": workflow["@id"]},
                startTime=min(job["startTime"] for job in timed),
                endTime=max(job["endTime"] for job in timed),
                actionStatus=_COMPLETED,
                object=refs([*self._inputs.values(), *locks, *sources]),
                result=refs(pages),
            )
        )
        readme = self._add(
            named(
                "README.md",
                "File",
                "README.md",
                about={"@id": "./"},
                encodingFormat="text/markdown",
            )
        )
        root = {
            "@id": "./",
            "@type": "Dataset",
            "name": f"{self._cited['title']}: a run of tier {run.tier}",
            "description": str(self._cited.get("abstract") or self._cited["title"]),
            "datePublished": whole["endTime"][:10],
            "license": {"@id": self._licence["@id"]},
            "author": refs(self._authors),
            "conformsTo": refs(
                self._add(named(identifier, "CreativeWork", name, version=version))
                for identifier, name, version in PROFILES
            ),
            "mainEntity": {"@id": workflow["@id"]},
            "mentions": refs([whole, *jobs]),
            "hasPart": refs([*sources, *locks, *results, *pages, *records, readme]),
        }
        descriptor = {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": refs(["https://w3id.org/ro/crate/1.1", PROFILES[-1][0]]),
        }
        return {"@context": CONTEXT, "@graph": [descriptor, root, *self._entities.values()]}

    def _what_ran(self, jobs: int, timed: int) -> str:
        run = self._run
        recorded = dict.fromkeys(record["ablation"] for record in run.records.values())
        text = f"{jobs} jobs of {', '.join(recorded)}. "
        if lacking := [name for name in run.ablations if name not in recorded]:
            text += f"Of the jobs of {', '.join(lacking)} there is no record. "
        whose = "all jobs" if timed == jobs else f"the {timed} jobs whose time is recorded"
        return f"{text}Start and end are the first and the last of {whose}."

    def _add(self, entity: Entity) -> Entity:
        return self._entities.setdefault(entity["@id"], entity)

    def _files(self, paths: Any, description: str) -> list[Entity]:
        return [
            self._add(file_entity(self._run.place(path).as_posix(), path, description))
            for path in paths
        ]

    def _workflow(self, pages: list[Entity]) -> Entity:
        """The Snakefile as main workflow, with the parameters that the run gave it."""
        run = self._run
        tier = self._add(named("#tier", "PropertyValue", "tier", value=run.tier))
        self._inputs[tier["@id"]] = tier
        claims = next(item for item in pages if item["name"] == "claims.json")
        # An input that changed between jobs is one parameter.
        taken = [self._parameter(item, "PropertyValue")["@id"] for item in self._inputs.values()]
        given = self._parameter(claims, "File")
        self._add(
            named(
                _SNAKEMAKE,
                "ComputerLanguage",
                "Snakemake",
                identifier={"@id": "https://snakemake.github.io"},
                url={"@id": "https://snakemake.github.io"},
                version=", ".join(self._versions("snakemake")),
            )
        )
        workflow = self._entities["Snakefile"]
        workflow |= {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": f"{self._cited['title']} workflow",
            "description": "Runs every job of every ablation, then judges and reports",
            "conformsTo": {"@id": self._profile(_COMPUTATIONAL)},
            "programmingLanguage": {"@id": _SNAKEMAKE},
            "creator": refs(self._authors),
            "license": {"@id": self._licence["@id"]},
            "version": ", ".join(sorted({_code(record) for record in run.records.values()})),
            "input": refs(dict.fromkeys(taken)),
            "output": refs([given]),
        }
        return workflow

    def _parameter(self, example: Entity, kind: str) -> Entity:
        parameter = self._add(
            named(
                local("parameter", example["name"]),
                "FormalParameter",
                example["name"],
                additionalType=kind,
                valueRequired=True,
                conformsTo={"@id": self._profile(_PARAMETER)},
                workExample={"@id": example["@id"]},
            )
        )
        example["exampleOfWork"] = {"@id": parameter["@id"]}
        return parameter

    def _profile(self, identifier: str) -> str:
        name, version = identifier.split("/")[-2:]
        self._add(named(identifier, "CreativeWork", f"Bioschemas {name}", version=version))
        return identifier

    def _versions(self, library: str) -> list[str]:
        records = self._run.records.values()
        return sorted({str(record["libraries"].get(library, "not recorded")) for record in records})

    def _job(self, record: Mapping[str, Any], file: Entity) -> Entity:
        """One job: the program, what it read and wrote, when, and with what."""
        libraries = [
            self._add(
                named(local(name, version), "SoftwareApplication", name, softwareVersion=version)
            )
            for name, version in record["libraries"].items()
            if name != "fixbench" and version != "not installed"
        ]
        code = _code(record)
        program = self._add(
            named(
                local("fixbench", code),
                "SoftwareApplication",
                "fixbench run",
                softwareVersion=code,
                softwareRequirements=refs(libraries),
            )
        )
        used = [self._read(*item) for item in record.get("inputs", {}).items()]
        used += [self._read(*item) for item in record["lock"].items()]
        written = [self._found(*item) for item in record.get("outputs", {}).items()]
        start, end = _times(record)
        image = record.get("runtime", {}).get("image")
        action = self._add(
            named(
                local("job", file["@id"]),
                "CreateAction",
                f"{record['ablation']}: {record['variant']}, seeds "
                + ", ".join(map(str, record["seeds"])),
                description=_machine(record),
                instrument={"@id": program["@id"]},
                startTime=start,
                endTime=end,
                actionStatus=_COMPLETED,
                object=refs(used),
                result=refs(written),
                containerImage=None if image is None else {"@id": self._image(str(image))["@id"]},
            )
        )
        file["about"] = {"@id": action["@id"]}
        return action

    def _read(self, name: str, digest: str) -> Entity:
        """What a job read; what is not in the crate counts as an input of the whole run."""
        entity = self._found(name, digest)
        if entity["@type"] == "PropertyValue":
            self._inputs.setdefault(entity["@id"], entity)
        return entity

    def _found(self, name: str, digest: str) -> Entity:
        """The file of the crate with that SHA-256, or else the SHA-256 alone."""
        file = self._entities.get(quote(name))
        if file is not None and str(file["sha256"]).startswith(digest):
            return file
        return self._add(_recorded(name, digest))

    def _image(self, name: str) -> Entity:
        return self._add(named(local("image", name), "ContainerImage", name))


def _recorded(name: str, digest: str) -> Entity:
    """What a job read or wrote that is not in the crate, by its recorded SHA-256."""
    full = len(digest) == _FULL_HASH
    return named(
        local(name, digest[:12]),
        "PropertyValue",
        name,
        propertyID="SHA-256" if full else "first digits of SHA-256",
        value=digest,
    )


def _times(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Start and end of a job, where its start is recorded."""
    if "started" not in record:
        return None, None
    start = datetime.datetime.fromisoformat(record["started"])
    end = start + datetime.timedelta(seconds=round(record["wall_seconds"]))
    return start.isoformat(), end.isoformat()


def _machine(record: Mapping[str, Any]) -> str:
    device = record.get("device", {}).get("name", "a processor that is not recorded")
    parts = [f"On {device}", record.get("platform"), f"Python {record.get('python')}"]
    if note := record.get("recovered_from"):
        parts.append(f"record recovered from {note}")
    return ", ".join(part for part in parts if part)


def _code(record: Mapping[str, Any]) -> str:
    """``"0.2.0 (commit 5cd250b)"``."""
    code = record.get("code", {})
    commit = str(code.get("commit", "unknown"))[:12]
    return f"{code.get('version', fixbench.__version__)} (commit {commit})"
