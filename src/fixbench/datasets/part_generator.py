"""The small fine-grained data: pictures that differ in small parts, and handwritten digits.

``parts/`` has CUB-200-2011's layout, ``digits/`` has FGVC-Aircraft's; `fine_grained` reads both.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.datasets.digit_generator import digit_sources, write_digits
from fixbench.datasets.parts import BODIES, CLASS_NAMES, MATERIALS, PLACES, Image8, fine_picture
from fixbench.datasets.photographs import PHOTOGRAPHS
from fixbench.errors import InputError
from fixbench.files import whole_folder

__all__ = ["COLOURS", "generate_fine_grained"]

#: Of the body and of the parts of a picture; 16 in all, which take half a byte a pixel.
COLOURS = (11, 5)


def generate_fine_grained(
    directory: Path,
    *,
    seed: int,
    train: int = 40,
    test: int = 30,
    train_digits: int = 50,
    test_digits: int = 30,
) -> None:
    """Write ``parts/``, ``digits/`` and ``SOURCES.json`` to ``directory``, whole or not at all.

    Images are 32x32 PNG. Equal arguments give equal bytes; a picture of ``parts/`` depends on the
    seed, its split, its class and its number only, not on how many others there are.

    Args:
        seed: non-negative.
        train, test: pictures of each class of ``parts/``, at least one.
        train_digits, test_digits: images of each digit, at least one, at most 80.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    counts = {"train": train, "test": test}
    digits = {"train_digits": train_digits, "test_digits": test_digits}
    for key, value in ({"seed": seed} | counts | digits).items():
        least = 0 if key == "seed" else 1
        if value < least:
            raise InputError("generate_fine_grained", key, value, expected=f"at least {least}")
        if key in digits and value > _MOST_DIGITS:
            expected = f"at most {_MOST_DIGITS}, which the writers wrote of every digit"
            raise InputError("generate_fine_grained", key, value, expected=expected)
    with whole_folder(Path(directory)) as folder:
        _write_parts(folder / "parts", seed, train, test)
        write_digits(folder / "digits", seed=seed, train=train_digits, test=test_digits)
        sources = json.dumps(_sources(seed), indent=2, ensure_ascii=False) + "\n"
        (folder / "SOURCES.json").write_text(sources, encoding="utf-8")


_MOST_DIGITS = 80


def _write_parts(folder: Path, seed: int, train: int, test: int) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "parts").mkdir()
    classes: list[str] = []
    images: list[str] = []
    labels: list[str] = []
    split: list[str] = []
    places: list[str] = []
    for label, name in enumerate(CLASS_NAMES):
        folder_name = f"{label + 1:03d}.{name}"
        classes.append(f"{label + 1} {folder_name}\n")
        (folder / "images" / folder_name).mkdir()
        for number, (part, count) in enumerate((("train", train), ("test", test))):
            for index in range(count):
                generator = np.random.default_rng([seed, number, label, index])
                picture = fine_picture(generator, label, "test" if number else "train")
                identifier = len(images) + 1
                path = f"{folder_name}/{part}_{index:02d}.png"
                _write_png(folder / "images" / path, picture.pixels, picture.covered)
                images.append(f"{identifier} {path}\n")
                labels.append(f"{identifier} {label + 1}\n")
                split.append(f"{identifier} {1 - number}\n")
                places += [
                    f"{identifier} {place} {x} {y} 1\n"
                    for place, (x, y) in enumerate(picture.centres, start=1)
                ]
    for file, lines in (
        ("classes.txt", classes),
        ("images.txt", images),
        ("image_class_labels.txt", labels),
        ("train_test_split.txt", split),
        ("parts/parts.txt", [f"{place} {name}\n" for place, name in enumerate(PLACES, start=1)]),
        ("parts/part_locs.txt", places),
    ):
        (folder / file).write_text("".join(lines))


def _write_png(path: Path, picture: Image8, parts: NDArray[np.bool_]) -> None:
    """Write a picture in few colours, of which the parts have their own, few pixels as they are."""
    indices = np.empty(parts.shape, dtype=np.uint8)
    palette: list[int] = []
    for where, colours in zip((~parts, parts), COLOURS, strict=True):
        pixels = Image.fromarray(picture[where][None])
        few = pixels.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        indices[where] = np.asarray(few)[0] + len(palette) // 3
        palette += few.getpalette() or []
    image = Image.fromarray(indices).convert("P")
    image.putpalette(palette)
    # Run-length matches only, whose bytes do not depend on the processor.
    image.save(path, format="PNG", compress_type=3)


def _sources(seed: int) -> dict[str, Any]:
    used = {piece.photograph for piece in (*BODIES.values(), *MATERIALS.values())}
    return {
        "description": "Crops of real photographs with small parts of other photographs, in "
        "CUB-200-2011's layout, and handwritten digits, in FGVC-Aircraft's, made by fixbench; no "
        "image of CUB-200-2011 or FGVC-Aircraft.",
        "seed": seed,
        "photographs": {
            name: {
                "package": PHOTOGRAPHS[name].package,
                "file": PHOTOGRAPHS[name].file,
                "licence": PHOTOGRAPHS[name].licence,
                "region": PHOTOGRAPHS[name].evaluation._asdict(),
            }
            for name in sorted(used)
        },
        "digits": digit_sources(),
    }
