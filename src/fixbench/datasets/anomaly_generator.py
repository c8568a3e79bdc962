"""The small anomaly families: crops of real photographs with procedural defects.

They are written in the layout that `fixbench.datasets.anomaly` reads.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fixbench.datasets.anomaly import FAMILIES, Family
from fixbench.datasets.defects import Severity, apply_defect
from fixbench.datasets.photographs import PHOTOGRAPHS, photograph_region
from fixbench.errors import InputError
from fixbench.files import whole_folder

__all__ = ["FAMILY_SEVERITY", "IMAGE_SIZE", "generate_families"]

Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]

#: Defect → how strongly it is drawn, in both families.
FAMILY_SEVERITY: MappingProxyType[str, Severity] = MappingProxyType(
    {
        "bend": Severity(extent=(0.45, 0.75), contrast=(0.8, 1.0)),
        "contamination": Severity(extent=(0.25, 0.55), contrast=(0.8, 1.0)),
        "crack": Severity(extent=(0.55, 1.2), contrast=(0.8, 1.0)),
        "hole": Severity(extent=(0.2, 0.48), contrast=(0.8, 1.0)),
        "missing": Severity(extent=(0.3, 0.6), contrast=(0.8, 1.0)),
        "scratch": Severity(extent=(0.6, 1.25), contrast=(0.8, 1.0)),
        "smudge": Severity(extent=(0.38, 0.7), contrast=(0.8, 1.0)),
        "stain": Severity(extent=(0.28, 0.62), contrast=(0.8, 1.0)),
    }
)

IMAGE_SIZE = 64


def generate_families(directory: Path, *, seed: int, normal: int = 24, anomalous: int = 24) -> None:
    """Write every family of `FAMILIES` and ``SOURCES.json`` to ``directory``, whole or not at all.

    Images are 64x64 RGB PNG, masks PNG with 0 and 255. Equal arguments give equal bytes; an image
    depends on the seed, its class and its number only, not on how many others there are.

    Args:
        seed: non-negative.
        normal, anomalous: images of each class with and without a defect, at least one.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    arguments = {"seed": (seed, 0), "normal": (normal, 1), "anomalous": (anomalous, 1)}
    for key, (value, least) in arguments.items():
        if value < least:
            raise InputError("generate_families", key, value, expected=f"at least {least}")
    with whole_folder(Path(directory)) as folder:
        for number, name in enumerate(FAMILIES):
            _write_family(folder / name, FAMILIES[name], (seed, number), normal, anomalous)
        sources = json.dumps(_sources(seed), indent=2, ensure_ascii=False) + "\n"
        (folder / "SOURCES.json").write_text(sources, encoding="utf-8")


def _write_family(
    folder: Path, family: Family, key: tuple[int, int], normal: int, anomalous: int
) -> None:
    rows = []
    for class_number, class_name in enumerate(family.classes):
        for label, count in ((0, normal), (1, anomalous)):
            for index in range(count):
                generator = np.random.default_rng([*key, class_number, label, index])
                kind = family.defects[index % len(family.defects)] if label else "good"
                image, mask = _sample(family, class_name, kind, generator)
                image_path = f"{class_name}/test/{kind}/{index:03d}.png"
                mask_path = ""
                _write_png(folder / image_path, image)
                if label:
                    mask_path = f"{class_name}/ground_truth/{kind}/{index:03d}_mask.png"
                    _write_png(folder / mask_path, mask.astype(np.uint8) * 255)
                rows.append(
                    {
                        "image_path": image_path,
                        "label": label,
                        "class_name": class_name,
                        "mask_path": mask_path,
                    }
                )
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "meta.jsonl").write_text(lines, encoding="utf-8")


def _sample(
    family: Family, class_name: str, kind: str, generator: np.random.Generator
) -> tuple[Image8, Mask]:
    others = [name for name in family.classes if name != class_name]
    while True:
        image = _view(family.classes[class_name], generator)
        if kind == "good":
            return image, np.zeros(image.shape[:2], dtype=bool)
        donor = _view(family.classes[others[generator.integers(len(others))]], generator)
        damaged = apply_defect(image, generator, kind, FAMILY_SEVERITY[kind], donor=donor)
        if damaged is not None:
            return damaged


def _view(photograph: str, generator: np.random.Generator) -> Image8:
    """A normal picture: position, scale, exposure, white balance, focus and noise all vary."""
    region = photograph_region(photograph, "evaluation")
    smallest, largest = PHOTOGRAPHS[photograph].sides
    side = int(generator.integers(smallest, largest + 1))
    top = generator.integers(0, region.shape[0] - side + 1)
    left = generator.integers(0, region.shape[1] - side + 1)
    crop = Image.fromarray(region[top : top + side, left : left + side])
    view = np.asarray(crop.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC), np.float64)
    view = ndimage.gaussian_filter(view, (*[generator.uniform(0, 0.5)] * 2, 0))
    gain = generator.uniform(0.85, 1.15) * generator.uniform(0.98, 1.02, size=3)
    view = view * gain + generator.uniform(-10, 10)
    view = view + generator.normal(0, 1.5, size=view.shape)
    pixels: Image8 = np.clip(np.rint(view), 0, 255).astype(np.uint8)
    return pixels


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Run-length matches only: unlike zlib's default search, their result does not depend on the
    # processor's instruction set, so the same picture has the same bytes on every machine.
    run_length = 3
    Image.fromarray(pixels).save(path, format="PNG", compress_type=run_length)


def _sources(seed: int) -> dict[str, Any]:
    photographs = {}
    for family_name, family in FAMILIES.items():
        for class_name, name in family.classes.items():
            photograph = PHOTOGRAPHS[name]
            photographs[name] = {
                "family": family_name,
                "class_name": class_name,
                "package": photograph.package,
                "file": photograph.file,
                "licence": photograph.licence,
                "region": photograph.evaluation._asdict(),
            }
    return {
        "description": "Crops of real photographs with procedural defects, made by fixbench.",
        "seed": seed,
        "defects": {name: list(family.defects) for name, family in FAMILIES.items()},
        "severity": {name: asdict(severity) for name, severity in FAMILY_SEVERITY.items()},
        "photographs": photographs,
    }
