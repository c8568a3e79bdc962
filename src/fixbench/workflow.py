"""What the Snakefile asks: which jobs there are, what each depends on, where files lie.

A job is rerun when what it depends on has changed and at no other time. Snakemake sees that by
way of the job's *request*, a small file with everything that the result depends on: the resolved
options and the hashes of code, inputs and lock files. The text of a claim is not among it.
A request is written only after the system has accepted its options.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fixbench import containers, provenance, tracking
from fixbench.ablation import (
    Ablation,
    TierName,
    load_ablation,
    parse_seeds,
    read_yaml,
    resolve_options,
    validation_problem,
)
from fixbench.errors import InputError
from fixbench.reachability import plan_looks, unreachable
from fixbench.verdicts import check_claims

__all__ = [
    "CONFIG",
    "UNTIL_VERDICT",
    "Plan",
    "Settings",
    "check_settings",
    "check_writable",
    "find_ablations",
    "make_plan",
    "new_ablation",
    "seed_label",
]

CONFIG = Path("config", "config.yaml")
#: Instead of seeds: blocks of them, until every primary claim is settled or the budget spent.
UNTIL_VERDICT = "until-verdict"
_DEFAULT_TIER: TierName = "small"
_DEFAULT_BLOCKS = 4


class Settings(BaseModel):
    """``config/config.yaml``.

    Attributes:
        tier: the size at which everything runs.
        ablations: the names to run; every folder with an ablation file when empty.
        seeds: seeds instead of the tier's own, such as ``"0-9"``; or ``"until-verdict"``, which
            adds blocks of the tier's size, from its first seed on, until every primary claim is
            settled.
        seed_budget: with that, the most seeds; four blocks when omitted.
        device: where tensors live; ``auto`` takes a GPU if there is one.
        runtime: what jobs run in; ``auto`` is the first engine that answers, else ``local``.
        gpu_share: how many jobs may use one GPU at a time.
        folder: where the ablations are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tier: TierName = _DEFAULT_TIER
    ablations: list[str] = Field(default_factory=list)
    seeds: str | None = None
    seed_budget: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    runtime: containers.Runtime = "auto"
    gpu_share: int = Field(default=1, ge=1)
    folder: str = "ablations"

    @field_validator("ablations", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value  # --config ablations=a,b

    @field_validator("seeds", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value  # --config seeds=3


@dataclass(frozen=True)
class PlannedAblation:
    """An ablation in the chosen tier.

    Attributes:
        blocks: the seed blocks of its jobs, as labels.
        looks: where seeds are added until a verdict, how many there are after each block.
    """

    ablation: Ablation
    blocks: tuple[str, ...]
    looks: tuple[int, ...] = ()


@dataclass(frozen=True)
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
        """The rule files of the ablations, absolute, in order of name."""
        return [str((self.folder / name / "rule.smk").resolve()) for name in self.ablations]

    def targets(self) -> list[str]:
        """Everything that a complete run leaves for the user, but for the `results`."""
        pages = [f"{name}.{suffix}" for name in self.ablations for suffix in ("html", "tex", "pdf")]
        reports = [str(self.reports / page) for page in (*pages, "claims.json", "claims.csv")]
        return reports + self.verdicts()

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
        return 0 if planned.looks else len(_look_files(ablation, self.tier))

    def settled(self, decision: str) -> bool:
        """Whether the look that wrote this file was the last."""
        return _decided(Path(decision))["next_n"] is None

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
        kept = [name for name in self.left_out if Path(self._verdict_file(name)).exists()]
        return [self._verdict_file(name) for name in sorted([*self.ablations, *kept])]

    def job_files(self, ablation: str, variant: str, block: str) -> dict[str, str | list[str]]:
        """What the job reads: its request, its parent's states, records of its tracked inputs.

        Raises:
            InputError: the tier has no such variant.
        """
        variants = self.ablations[ablation].ablation.variants_in(self.tier)
        if variant not in variants:
            expected = f"a variant that tier {self.tier!r} runs: {', '.join(variants)}"
            file = self.folder / ablation / "ablation.yaml"
            raise InputError(file, "variants", variant, expected=expected)
        files: dict[str, str | list[str]] = {
            "request": str(_request_file(ablation, self.tier, variant)),
            "data": [_pulled(name) for name in self.ablations[ablation].ablation.inputs],
        }
        parent = variants[variant].starts_from
        if parent is not None:
            files["parent"] = f"results/{ablation}/{self.tier}/{parent}/{block}.state"
        return files

    def priority(self, ablation: str, variant: str) -> int:
        """How many generations of variants start from this one: those go first."""
        variants = self.ablations[ablation].ablation.variants_in(self.tier)
        children = [name for name, child in variants.items() if child.starts_from == variant]
        return max((1 + self.priority(ablation, child) for child in children), default=0)

    def container(self, *, contained: bool) -> str:
        """The image for Snakemake's own ``container:``, of the same declaration.

        Args:
            contained: it will be used: take the image that ``fixbench image`` converted, if any.

        Raises:
            InputError: the converted image is not the locked one.
        """
        for image in self.images.values():
            engine = containers.Engine(name="apptainer", version="")
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
        self, read: Sequence[str], write: Sequence[str], resources: Mapping[str, Any]
    ) -> str:
        """What goes before a job's command so that it runs where it is to run; empty for here.

        Args:
            read: the job's input files, its request among them (`job_files`); what they stand for
                is added.
            write: its output files.
            resources: ``threads``, ``mem_mb``, ``gpu`` and ``processes``.
        """
        gpus = int(resources.get("gpu", 0))
        words: list[str] = ["python", "-m", "fixbench.containers"]
        words += ["--gpus", str(gpus), "--gpu-share", str(self.gpu_share)]
        if self.engine is None:
            return shlex.join([*words, "--engine", "local", "--"]) if gpus else ""
        (ablation,) = {
            Path(path).parts[2] for path in read if path.startswith(".fixbench/requests/")
        }
        environment = self.ablations[ablation].ablation.environment
        tracked = [
            path.removeprefix("results/tracked/").removesuffix(".json")
            for path in read
            if path.startswith("results/tracked/")
        ]
        pointers = [".dvc", *(f"{top}.dvc" for top in tracking.FOLDERS)]
        readable = [str(self.folder), "envs", *pointers, *tracked, *read]
        record = json.dumps({"code": provenance.git_state(Path())})
        words += ["--engine", self.engine.name, "--version", self.engine.version]
        words += ["--image", str(_image_file(environment)), "--record", record]
        words += ["--cpus", str(resources.get("threads", 1))]
        words += ["--memory-mb", str(resources.get("mem_mb", 2000))]
        words += ["--processes", str(resources.get("processes", 256))]
        words += ["--owner", str(os.getpid()), "--keep", ".fixbench/resume"]
        return shlex.join([*words, "--read", *readable, "--write", *write, "--"])

    def _verdict_file(self, ablation: str) -> str:
        return f"results/{ablation}/{self.tier}/claims.json"

    def _files(self, top: str, ablation: str, suffix: str, blocks: int | None) -> list[str]:
        planned = self.ablations[ablation]
        return [
            f"{top}/{ablation}/{self.tier}/{variant}/{block}{suffix}"
            for variant in planned.ablation.variants_in(self.tier)
            for block in planned.blocks[:blocks]
        ]


def make_plan(config: Mapping[str, Any], *, contained: bool = False) -> Plan:
    """Check the configuration and every ablation, and write the requests that have changed.

    Paths are relative to the working directory.

    Args:
        contained: Snakemake itself runs the jobs in containers.

    Raises:
        InputError: something is wrong; nothing has run.
    """
    settings = check_settings(config)
    folder = Path(settings.folder)
    reports = Path("reports") / ("" if settings.tier == _DEFAULT_TIER else settings.tier)
    for place in (reports, Path("results"), Path("logs"), Path(".fixbench")):
        check_writable(place)
    given = _given_in(config, "ablations")
    names = find_ablations(folder, settings.ablations, file=given, key="ablations")
    engine = None if contained else _find_engine(settings, config)
    planned = {}
    images = {}
    for name in names:
        file = folder / name / "ablation.yaml"
        ablation = load_ablation(file)
        check_claims(ablation, file)
        if not (folder / name / "rule.smk").is_file():
            raise InputError(folder / name / "rule.smk", "", expected="the ablation's rule")
        if settings.tier not in ablation.tiers:
            if settings.ablations:
                known = ", ".join(ablation.tiers)
                expected = f"a tier of {name}: {known}"
                given = _given_in(config, "tier")
                raise InputError(given, "tier", settings.tier, expected=expected)
            continue
        planned[name] = _planned(file, ablation, settings, config)
        image = _image(ablation.environment, settings, required=engine is not None)
        if image is not None:
            images[ablation.environment] = image
        _write_requests(folder / name, ablation, settings.tier, image, engine is not None)
    if not planned:
        expected = f"a tier that an ablation in {folder} has"
        raise InputError(_given_in(config, "tier"), "tier", settings.tier, expected=expected)
    left_out = tuple(name for name in find_ablations(folder) if name not in names)
    if engine is not None:
        for environment, image in images.items():
            containers.write_spec(_image_file(environment), image)
    return Plan(
        settings.tier,
        settings.device,
        folder,
        reports,
        planned,
        left_out,
        engine,
        images,
        settings.gpu_share,
    )


def check_settings(config: Any) -> Settings:
    """The configuration, checked.

    Raises:
        InputError: a key is unknown or a value wrong.
    """
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        unknown = "no such key; see config/config.schema.json"
        place = error.errors()[0]["loc"]
        file = _given_in(config, str(place[0])) if place else CONFIG
        raise validation_problem(file, error, unknown=unknown) from None


def find_ablations(
    folder: Path,
    names: Sequence[str] = (),
    *,
    file: str | Path | None = None,
    key: str = "ablation",
) -> list[str]:
    """The ablations in ``folder``, sorted; those named, if any are.

    Args:
        file, key: where the names were given, for the message; in ``folder`` by default.

    Raises:
        InputError: there is none, or not one of that name.
    """
    found = sorted(path.parent.name for path in folder.glob("*/ablation.yaml"))
    if not found:
        raise InputError(folder, "", expected="folders with an ablation.yaml")
    for name in names:
        if name not in found:
            raise InputError(file or folder, key, name, expected=f"one of {', '.join(found)}")
    return sorted(set(names)) or found


def seed_label(seeds: Sequence[int]) -> str:
    """The inverse of `parse_seeds`: ``[0, 1, 2, 7]`` → ``"0-2,7"``."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def check_writable(folder: Path) -> None:
    """Refuse a folder that could not be made or written to, before hours are spent.

    Raises:
        InputError: it is no folder, or its permissions forbid it.
    """
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not os.path.isdir(existing):
        raise InputError(folder, "", expected=f"a folder, but {existing} is a file; remove it")
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        raise InputError(folder, "", expected=f"permission to write in {existing}")


def new_ablation(folder: Path, name: str) -> Path:
    """Write an ablation that runs, with a system of its own, and return its folder.

    Raises:
        InputError: the name is taken or cannot name a Snakemake rule.
    """
    if not name.isidentifier():
        raise InputError("fixbench new", "NAME", name, expected="letters, digits and underscores")
    target = folder / name
    if target.exists():
        raise InputError("fixbench new", "NAME", name, expected=f"a new name; {target} exists")
    source = Path(__file__).parent / "template"
    target.mkdir(parents=True)
    for path in sorted(source.glob("*.*")):
        text = path.read_text(encoding="utf-8").replace("__NAME__", name)
        (target / path.name).write_text(text, encoding="utf-8")
    return target


def _given_in(config: Mapping[str, Any], key: str) -> str | Path:
    """Where a setting was given: on Snakemake's command line, unless the file says the same."""
    written = read_yaml(CONFIG)
    if key not in config or (isinstance(written, dict) and written.get(key) == config[key]):
        return CONFIG
    return "--config"


def _planned(
    file: Path, ablation: Ablation, settings: Settings, config: Mapping[str, Any]
) -> PlannedAblation:
    if settings.seeds == UNTIL_VERDICT:
        return _until_verdict(file, ablation, settings, config)
    tier, given = ablation.tiers[settings.tier], _given_in(config, "seeds")
    if settings.seed_budget is not None:
        expected = f"seeds={UNTIL_VERDICT} beside it"
        place = _given_in(config, "seed_budget")
        raise InputError(place, "seed_budget", settings.seed_budget, expected=expected)
    if settings.seeds is not None and not any(map(str.isdigit, settings.seeds)):
        expected = f"seeds such as '0-9' or '0-4,7', upwards, or {UNTIL_VERDICT!r}"
        raise InputError(given, "seeds", settings.seeds, expected=expected)
    seeds = parse_seeds(settings.seeds or tier.seeds, file=given, key="seeds")
    starts = range(0, len(seeds), tier.block)
    blocks = (seed_label(seeds[start : start + tier.block]) for start in starts)
    return PlannedAblation(ablation, tuple(blocks))


def _until_verdict(
    file: Path, ablation: Ablation, settings: Settings, config: Mapping[str, Any]
) -> PlannedAblation:
    """Blocks from the tier's first seed on, as they were planned before the first look.

    Raises:
        InputError: there is no such plan, or another one was made before a look at the results.
    """
    tier = ablation.tiers[settings.tier]
    budget = settings.seed_budget or _DEFAULT_BLOCKS * tier.block
    place = _given_in(config, "seed_budget")
    try:
        looks = plan_looks(budget, block=tier.block)
    except InputError as error:
        if error.key == "block":
            key = f"tiers.{settings.tier}.block"
            expected = f"two seeds or more for seeds={UNTIL_VERDICT}"
            raise InputError(file, key, tier.block, expected=expected) from None
        raise InputError(place, "seed_budget", budget, expected=error.expected) from None
    first = parse_seeds(tier.seeds, file=file, key=f"tiers.{settings.tier}.seeds")[0]
    for path in _look_files(file.parent.name, settings.tier):
        plan = _decided(path)["plan"]
        if (plan["first_seed"], tuple(plan["looks"])) != (first, looks):
            expected = (
                f"looks after {', '.join(map(str, plan['looks']))} seeds, from seed "
                f"{plan['first_seed']} on, as planned before the first of them ({path}): changed "
                "afterwards, the plan has no error rate"
            )
            raise InputError(place, "seed_budget", budget, expected=expected)
    starts = (0, *looks)
    blocks = (seed_label(range(first + a, first + b)) for a, b in pairwise(starts))
    return PlannedAblation(ablation, tuple(blocks), looks)


def _look_files(ablation: str, tier: str) -> list[Path]:
    """What the looks at an ablation have decided, the first one first."""
    return sorted(Path("results", ablation, tier).glob("look-*.json"))


def _decided(path: Path) -> dict[str, Any]:
    content: Any = None
    with suppress(ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or not {"plan", "next_n"} <= content.keys():
        raise InputError(path, "", expected="what `fixbench look` wrote; delete it and run again")
    return content


def _find_engine(settings: Settings, config: Mapping[str, Any]) -> containers.Engine | None:
    try:
        return containers.find_engine(settings.runtime)
    except InputError as error:
        file = _given_in(config, "runtime")
        raise InputError(file, error.key, settings.runtime, expected=error.expected) from None


def _image(environment: str, settings: Settings, *, required: bool) -> containers.ImageSpec | None:
    """The image of an environment: with CUDA where there is a GPU to use."""
    gpu = settings.device != "cpu" and bool(containers.list_gpus())
    try:
        return containers.image_spec(Path(), f"{environment}-{'cuda' if gpu else 'cpu'}")
    except InputError:
        if required:
            raise
        return None


def _image_file(environment: str) -> Path:
    return Path(".fixbench", "images", f"{environment}.json")


def _request_file(ablation: str, tier: str, variant: str) -> Path:
    return Path(".fixbench", "requests", ablation, tier, f"{variant}.json")


def _pulled(folder: str) -> str:
    """What the rule leaves that pulls a tracked folder."""
    return f"results/tracked/{folder}.json"


def _write_requests(
    folder: Path,
    ablation: Ablation,
    tier: str,
    image: containers.ImageSpec | None,
    contained: bool,
) -> None:
    root = Path()
    inputs = {name: tracking.tracked_hash(root, name) for name in ablation.inputs}
    for name, content in inputs.items():
        if Path(_pulled(name)).exists():  # else the rule that pulls it comes first
            tracking.verify(root, name)
        path = Path(".fixbench", "requests", "tracked", f"{name}.json")
        _write_changed(path, {"folder": name, "sha256": content})
    shared = {
        "ablation": folder.name,
        "tier": tier,
        "runs": ablation.system or ablation.command,
        "code": provenance.code_hash(ablation, folder),
        "inputs": inputs,
        "locks": {
            str(path): provenance.file_hash(path)
            for path in provenance.lock_files(root, ablation.environment)
        },
        "units": {name: metric.unit for name, metric in ablation.metrics.items()},
    }
    requests = {
        _request_file(folder.name, tier, name): {
            **shared,
            "variant": name,
            "starts_from": variant.starts_from,
            "options": resolve_options(ablation, name, tier),
            "measure": variant.measured_in(tier),
            "image": image.definition if image is not None and contained else None,
        }
        for name, variant in ablation.variants_in(tier).items()
    }
    if image is not None and not contained:
        # What was made in the locked image is not made again without it: the bytes are the same.
        for path, request in requests.items():
            in_image = {**request, "image": image.definition}
            if path.exists() and not _has_changed(path, in_image):
                request["image"] = image.definition
    if any(_has_changed(path, request) for path, request in requests.items()):
        # Imports torch, which takes seconds; a request that stands was checked when written.
        from fixbench.job import check_runnable

        check_runnable(folder / "ablation.yaml", ablation, [tier])
    for path, request in requests.items():
        _write_changed(path, request)


def _write_changed(path: Path, content: Any) -> None:
    """Leave an unchanged file alone: a newer one would be a reason to run the job again."""
    if _has_changed(path, content):
        provenance.write_json(path, content)


def _has_changed(path: Path, content: Any) -> bool:
    return not path.exists() or json.loads(path.read_text(encoding="utf-8")) != content
