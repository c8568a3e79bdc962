"""Handwritten digits in FGVC-Aircraft's layout.

The digits are those that scikit-learn ships: 8 x 8 counts from 0 to 16 (Alpaydin and Kaynak,
Optical Recognition of Handwritten Digits, UCI, 1998, the part of 13 writers). They stand in the
order of their writers, each of whom began with the digits 0 to 9 three times. The first seven
writers are for training and the other six for testing.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

__all__ = ["DIGIT_SIDE", "FIRST_TEST_DIGIT", "digit_sources", "write_digits"]

DIGIT_SIDE = 32
#: Where the eighth writer begins.
FIRST_TEST_DIGIT = 905
_LARGEST_COUNT = 16
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SPLITS = MappingProxyType({"trainval": 0, "test": 1})


def write_digits(folder: Path, *, seed: int, train: int, test: int) -> None:
    """Write ``data/`` with a list for training (``trainval``) and one for testing.

    Images are 32 x 32 grey PNG without a banner; each count is a square of 4 x 4 equal pixels. An
    image's id is its place in scikit-learn's order. The seed chooses which of a writer's images
    are taken.

    Args:
        train, test: images of each digit; the writers wrote at least 89 and 85.
    """
    digits = load_digits()
    images = folder / "data/images"
    images.mkdir(parents=True)
    (folder / "data/variants.txt").write_text("".join(f"{word}\n" for word in _WORDS))
    for (split, number), count in zip(_SPLITS.items(), (train, test), strict=True):
        of_writers = (np.arange(len(digits.target)) >= FIRST_TEST_DIGIT) == number
        lines = []
        for digit, word in enumerate(_WORDS):
            generator = np.random.default_rng([seed, number, digit])
            places = np.flatnonzero(of_writers & (digits.target == digit))
            chosen = np.sort(generator.permutation(places)[:count])
            for place in chosen.tolist():
                _write(images / f"{place:04d}.png", digits.images[place])
                lines.append(f"{place:04d} {word}\n")
        (folder / f"data/images_variant_{split}.txt").write_text("".join(lines))


def _write(path: Path, counts: NDArray[np.float64]) -> None:
    grey = (counts.astype(np.int64) * 255 // _LARGEST_COUNT).astype(np.uint8)
    large = np.kron(grey, np.ones((DIGIT_SIDE // 8, DIGIT_SIDE // 8), dtype=np.uint8))
    # Run-length matches only, whose bytes do not depend on the processor.
    Image.fromarray(large).save(path, format="PNG", compress_type=3)


def digit_sources() -> dict[str, Any]:
    """Origin and licence, for ``SOURCES.json``."""
    return {
        "package": "sklearn",
        "file": "datasets/data/digits.csv.gz",
        "licence": "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI Machine "
        "Learning Repository, 1998; CC BY 4.0",
        "split": f"writers 1 to 7 (the first {FIRST_TEST_DIGIT} images) for training, 8 to 13 for "
        "testing",
    }
