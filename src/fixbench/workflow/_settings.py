"""The configuration: ``config/config.yaml``, and what the command line says instead."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fixbench import containers
from fixbench.ablation import TierName
from fixbench.errors import InputError
from fixbench.reading import Source, read_source, read_yaml, validation_problem

__all__ = ["CONFIG", "DEFAULT_TIER", "UNTIL_VERDICT", "Settings", "check_settings", "given_in"]

CONFIG = Path("config", "config.yaml")
#: Instead of seeds: blocks of them, until every primary claim is settled or the budget spent.
UNTIL_VERDICT = "until-verdict"
DEFAULT_TIER: TierName = "small"


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
        worker: whether jobs outside containers start as copies of a process that has imported
            what they need, instead of importing it each for itself.
        folder: where the ablations are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    tier: TierName = DEFAULT_TIER
    ablations: list[str] = Field(default_factory=list)
    seeds: str | None = None
    seed_budget: int | None = Field(default=None, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    runtime: containers.Runtime = "auto"
    gpu_share: int = Field(default=1, ge=1)
    worker: bool = True
    folder: str = "ablations"

    @field_validator("ablations", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value  # --config ablations=a,b

    @field_validator("seeds", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if type(value) is int else value  # --config seeds=3


def check_settings(config: Any) -> Settings:
    """The configuration, checked.

    Raises:
        InputError: a key is unknown or a value wrong.
    """
    if not isinstance(config, Mapping):
        expected = "keys with values, such as 'tier: small'"
        raise InputError(CONFIG, "", config if config is not None else "", expected=expected)
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        unknown = f"no such key; there are {', '.join(Settings.model_fields)}"
        place = error.errors()[0]["loc"]
        file: str | Path | Source = given_in(config, str(place[0])) if place else CONFIG
        if file == CONFIG:
            file = read_source(CONFIG)
        raise validation_problem(file, error, unknown=unknown) from None


def given_in(config: Mapping[str, Any], key: str) -> str | Path:
    """Where a setting was given: on Snakemake's command line, unless the file says the same."""
    written = read_yaml(CONFIG)
    if key not in config or (isinstance(written, dict) and written.get(key) == config[key]):
        return CONFIG
    return "--config"
