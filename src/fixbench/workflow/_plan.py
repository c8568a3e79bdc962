"""What the Snakefile asks: which jobs there are, what each depends on, how it is started."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixbench import containers, provenance, tracking
from fixbench.ablation import Variant
from fixbench.draws import draw_record, recorded_folders, split_block
from fixbench.errors import InputError
from fixbench.reading import parse_seeds
from fixbench.workflow._checks import unreachable
from fixbench.workflow._layout import (
    ABLATION_PAGES,
    CLAIM_PAGES,
    ablation_files,
    data_record,
    image_file,
    job_request,
    look_files,
    rule_file,
    verdict_file,
)
from fixbench.workflow._seeds import PlannedAblation, decided
from fixbench.workflow._settings import UNTIL_VERDICT

__all__ = ["Plan"]

#: What a job may take where its rule does not say.
_MEMORY_MB = 2000
_PROCESSES = 256


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All jobs of one invocation.

    Attributes:
        ablations: name → what is planned of it.
        folder: where the ablations are, relative to the working directory.
        reports: where the reports go.
        left_out: ablations in ``folder`` that were not asked for.
        engine: what runs the jobs' containers; ``None`` in the local environment.
        images: environment → its image's declaration, where there is an engine.
        gpu_share: how many jobs may use one GPU at a time.
        worker: whether jobs outside containers share what they import.
    """

    tier: str
    device: str
    folder: Path
    reports: Path
    ablations: Mapping[str, PlannedAblation]
    left_out: tuple[str, ...] = ()
    engine: containers.Engine | None = None
    images: Mapping[str, containers.ImageSpec] = field(default_factory=dict)
    gpu_share: int = 1
    worker: bool = False

    def warnings(self) -> list[str]:
        """What is known before anything runs: the claims that so few seeds cannot settle."""
        lines = []
        for name, planned in self.ablations.items():
            seeds = sum(len(parse_seeds(block)) for block in planned.blocks)
            found = unreachable(planned.ablation, seeds)
            if found:
                number = "1 seed" if seeds == 1 else f"{seeds} seeds"
                lines.append(f"{name}, tier {self.tier}, {number}: {'; '.join(found)}")
            if earlier := self.unadjusted_looks(name):
                lines.append(
                    f"{name}, tier {self.tier}: {earlier} of its looks with seeds={UNTIL_VERDICT} "
                    f"came before; without seeds={UNTIL_VERDICT} its verdicts are judged again, "
                    "and nothing is adjusted for that"
                )
        return lines

    def rules(self) -> list[str]:
        """The rule files that the ablations bring, absolute, in order of name."""
        files = (rule_file(self.folder / name) for name in self.ablations)
        return [str(file.resolve()) for file in files if file.is_file()]

    def without_rule(self) -> list[str]:
        """The ablations that bring no rule of their own: the shared one runs them."""
        return [name for name in self.ablations if not rule_file(self.folder / name).is_file()]

    def check_makers(self, ablation: str, rules: Sequence[str]) -> None:
        """Refuse an ablation whose results no rule makes, or more than one.

        Args:
            rules: the names of the rules that make them.

        Raises:
            InputError: there is not exactly one.
        """
        if len(rules) == 1:
            return
        found = f"{' and '.join(rules)} make it" if rules else "none makes it"
        expected = (
            f"one rule that makes {self.results(ablation)[0]}, but {found}; begin its rule with "
            f"'use rule job as {ablation} with: wildcard_constraints: ablation=\"{ablation}\"'"
        )
        raise InputError(rule_file(self.folder / ablation), "", expected=expected)

    def ablation_files(self, ablation: str, *, findings: bool = False) -> list[str]:
        """The files of the folder that verdicts depend on, with ``findings`` those of reports."""
        return ablation_files(self.folder / ablation, findings=findings)

    def targets(self) -> list[str]:
        """Everything that a complete run leaves for the user, but for the `results`."""
        pages = [page.format(ablation=name) for name in self.ablations for page in self.pages()]
        return pages + self.claim_pages() + self.verdicts()

    def pages(self) -> list[str]:
        """What is written of each ablation, with its name as a wildcard."""
        return [str(self.reports / page) for page in ABLATION_PAGES]

    def claim_pages(self) -> list[str]:
        """What is written of the claims of all ablations together."""
        return [str(self.reports / name) for name in CLAIM_PAGES]

    def results(self, ablation: str, blocks: int | None = None) -> list[str]:
        """The result files of an ablation, or of its first ``blocks`` of seeds."""
        return self._files("results", ablation, ".parquet", blocks)

    def provenance(self, ablation: str, blocks: int | None = None) -> list[str]:
        """The provenance records that belong to the `results`."""
        return self._files("logs", ablation, ".provenance.json", blocks)

    def decision(self, ablation: str, blocks: int | None) -> list[str]:
        """What the look after so many blocks has decided; nothing where there are no looks."""
        if not self.ablations[ablation].looks:
            return []
        return [f"results/{ablation}/{self.tier}/look-{blocks}.json"]

    def looks(self, ablation: str) -> str:
        """The seeds at each look, for the command line; empty where there are none."""
        return ",".join(map(str, self.ablations[ablation].looks))

    def unadjusted_looks(self, ablation: str) -> int:
        """How many looks were made at seeds of this tier that a plain run does not allow for."""
        planned = self.ablations[ablation]
        return 0 if planned.looks else len(look_files(ablation, self.tier))

    def settled(self, decision: str) -> bool:
        """Whether the look that wrote this file was the last."""
        return decided(Path(decision))["next_n"] is None

    def determinism(self, ablation: str) -> list[str]:
        """What `fixbench determinism` has left of an ablation in this tier, if anything."""
        path = Path("results", ablation, self.tier, "determinism.json")
        return [str(path)] if path.is_file() else []

    def verdicts(self) -> list[str]:
        """The verdict files of all planned ablations."""
        return [self._verdict_file(name) for name in self.ablations]

    def all_verdicts(self) -> list[str]:
        """The verdict files of the table of all claims.

        Those planned, and of the ablations left out what an earlier run left on disk: a
        restricted run renews its own claims in the table and takes nobody else's away.
        """
        return [self._verdict_file(name) for name in self._judged()]

    def judged_files(self) -> list[str]:
        """The files of the ablations whose verdicts are `all_verdicts`."""
        return [
            path for name in self._judged() for path in self.ablation_files(name, findings=True)
        ]

    def _judged(self) -> list[str]:
        kept = [name for name in self.left_out if Path(self._verdict_file(name)).exists()]
        return sorted([*self.ablations, *kept])

    def job_files(self, ablation: str, variant: str, block: str) -> dict[str, str | list[str]]:
        """What the job reads: its request, its parent's states, records of its tracked inputs.

        Raises:
            InputError: the tier has no such variant.
        """
        variants = self._variants(ablation)
        if variant not in variants:
            expected = f"a variant that tier {self.tier!r} runs: {', '.join(variants)}"
            file = self.folder / ablation / "ablation.yaml"
            raise InputError(file, "variants", variant, expected=expected)
        files: dict[str, str | list[str]] = {
            "request": str(job_request(ablation, self.tier, variant)),
            "data": self._input_records(ablation, split_block(block)[1]),
        }
        parent = variants[variant].starts_from
        if parent is not None:
            files["parent"] = f"results/{ablation}/{self.tier}/{parent}/{block}.state"
        return files

    def priority(self, ablation: str, variant: str, block: str) -> int:
        """Earlier blocks and draws go first, and in them the variants that others start from.

        A run that is stopped has then finished whole blocks, of which all variants can be compared.
        """
        labels = self.ablations[ablation].labels()
        later = len(labels) - labels.index(block) if block in labels else 0
        return later * len(self._variants(ablation)) + self._generations(ablation, variant)

    def _variants(self, ablation: str) -> Mapping[str, Variant]:
        return self.ablations[ablation].ablation.at(self.tier).variants

    def _generations(self, ablation: str, variant: str) -> int:
        """How many generations of variants start from this one."""
        variants = self._variants(ablation)
        children = [name for name, child in variants.items() if child.starts_from == variant]
        return max((1 + self._generations(ablation, child) for child in children), default=0)

    def container(self, *, contained: bool) -> str:
        """The image for Snakemake's own ``container:``, of the same declaration.

        Args:
            contained: it will be used: take the image that ``fixbench image`` converted, if any.

        Raises:
            InputError: the converted image is not the locked one.
        """
        for image in self.images.values():
            engine = containers.ENGINES["apptainer"]()
            converted = containers.check_image(engine, image) if contained else None
            if converted is not None:
                return os.path.relpath(converted)
            if image.published is not None:
                return f"docker://{image.published}"
            return f"docker-daemon:{image.name}"
        return "docker-daemon:fixbench/torch-cpu"

    def contained_record(self, image: str) -> str:
        """What a job's provenance should say, as JSON, where Snakemake runs it in ``image``."""
        where: dict[str, object] = {"engine": "apptainer", "image": image}
        for spec in self.images.values():
            where |= {"base": spec.base, "base_locked": spec.base_locked}
        return json.dumps({"code": provenance.git_state(Path()), "runtime": where})

    def launcher(
        self,
        ablation: str,
        read: Sequence[str],
        write: Sequence[str],
        resources: Mapping[str, Any],
    ) -> str:
        """What goes before a job's command so that it runs where it is to run; empty for here.

        Args:
            ablation: whose job it is; its environment and its tracked inputs count.
            read: the job's input files; the ablations, lock files, tracked inputs and the folders
                of its data draws are added.
            write: its output files.
            resources: ``threads``, ``mem_mb``, ``gpu`` and ``processes``.
        """
        gpus = int(resources.get("gpu", 0))
        words: list[str] = ["python", "-m", "fixbench.containers"]
        words += ["--gpus", str(gpus), "--gpu-share", str(self.gpu_share)]
        if self.engine is None:
            return shlex.join([*words, "--engine", "local", "--"]) if gpus else ""
        asked = self.ablations[ablation].ablation
        pointers = [".dvc", *(f"{top}.dvc" for top in tracking.FOLDERS)]
        readable = [str(self.folder), "envs", *pointers, *asked.inputs, *read]
        readable += recorded_folders(read)
        record = json.dumps({"code": provenance.git_state(Path())})
        words += ["--engine", self.engine.name, "--version", self.engine.version]
        words += ["--image", str(image_file(asked.environment)), "--record", record]
        words += ["--cpus", str(resources.get("threads", 1))]
        words += ["--memory-mb", str(resources.get("mem_mb", _MEMORY_MB))]
        words += ["--processes", str(resources.get("processes", _PROCESSES))]
        words += ["--owner", str(os.getpid()), "--keep", ".fixbench/resume"]
        return shlex.join([*words, "--read", *readable, "--write", *write, "--"])

    def _input_records(self, ablation: str, data_seed: int | None) -> list[str]:
        """The records of a job's inputs: of those that are drawn, the draw's."""
        asked = self.ablations[ablation].ablation
        drawn = [] if data_seed is None else asked.draws
        return [
            str(draw_record(name, data_seed))
            if data_seed is not None and name in drawn
            else str(data_record(name))
            for name in asked.inputs
        ]

    def _verdict_file(self, ablation: str) -> str:
        return str(verdict_file(ablation, self.tier))

    def _files(self, top: str, ablation: str, suffix: str, blocks: int | None) -> list[str]:
        planned = self.ablations[ablation]
        return [
            f"{top}/{ablation}/{self.tier}/{variant}/{block}{suffix}"
            for variant in planned.ablation.at(self.tier).variants
            for block in planned.labels(blocks)
        ]
