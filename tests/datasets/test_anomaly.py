"""The two anomaly families and the reader of their layout."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fixbench.datasets import (
    FAMILIES,
    PHOTOGRAPHS,
    _anomaly,
    class_noun,
    generate_families,
    read_anomaly_family,
)
from fixbench.datasets._defects import AREA
from fixbench.errors import InputError


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("anomaly") / "aa_clip"
    generate_families(folder, seed=111, normal=2, anomalous=5)
    return folder


@pytest.fixture
def family(generated, tmp_path) -> Path:
    return Path(shutil.copytree(generated / "workshop", tmp_path / "workshop"))


def _rows(family: Path) -> list[dict]:
    return [json.loads(line) for line in (family / "meta.jsonl").read_text().splitlines()]


def _rewrite(family: Path, rows: list) -> None:
    (family / "meta.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_same_seed_same_bytes(generated, tmp_path):
    generate_families(tmp_path / "again", seed=111, normal=2, anomalous=5)
    assert _digest(tmp_path / "again") == _digest(generated)


def test_other_seed_other_pictures(generated, tmp_path):
    generate_families(tmp_path / "other", seed=112, normal=2, anomalous=5)
    first, second = _digest(generated), _digest(tmp_path / "other")
    assert first.keys() == second.keys()
    pictures = [name for name in first if "/test/" in name]
    assert all(first[name] != second[name] for name in pictures)


def test_an_image_does_not_depend_on_how_many_there_are(generated, tmp_path):
    generate_families(tmp_path / "fewer", seed=111, normal=1, anomalous=1)
    fewer, more = _digest(tmp_path / "fewer"), _digest(generated)
    for name, digest in fewer.items():
        if name.endswith(".png"):
            assert more[name] == digest


def test_families_share_no_photograph_and_few_defects():
    workshop, field = FAMILIES["workshop"], FAMILIES["field"]
    assert not set(workshop.classes.values()) & set(field.classes.values())
    assert not set(workshop.classes) & set(field.classes)
    assert set(workshop.defects) & set(field.defects) == {"scratch", "stain"}
    for family in (workshop, field):
        assert len(family.classes) == 6
        kinds = {PHOTOGRAPHS[name].kind for name in family.classes.values()}
        assert kinds == {"texture", "object"}


def test_pictures_show_evaluation_pixels_only(monkeypatch, tmp_path):
    asked = set()
    original = _anomaly.photograph_region

    def region(name, part):
        asked.add((name, part))
        return original(name, part)

    monkeypatch.setattr(_anomaly, "photograph_region", region)
    generate_families(tmp_path / "x", seed=0, normal=1, anomalous=1)
    photographs = {name for family in FAMILIES.values() for name in family.classes.values()}
    assert asked == {(name, "evaluation") for name in photographs}


def test_contamination_comes_from_the_same_family(monkeypatch):
    family = FAMILIES["field"]
    seen = []
    original = _anomaly._view

    def view(photograph, generator):
        seen.append(photograph)
        return original(photograph, generator)

    monkeypatch.setattr(_anomaly, "_view", view)
    for seed in range(20):
        _anomaly._sample(family, "cat", "contamination", np.random.default_rng(seed))
    assert set(seen[::2]) == {"chelsea"}
    assert set(seen[1::2]) <= set(family.classes.values()) - {"chelsea"}


@pytest.mark.parametrize("name", FAMILIES)
def test_layout_and_round_trip(generated, name):
    folder = generated / name
    data = read_anomaly_family(folder)
    rows = _rows(folder)
    assert data.images.shape == (6 * 7, 64, 64, 3)
    assert data.images.dtype == np.uint8
    assert data.masks.shape == (6 * 7, 64, 64)
    assert data.masks.dtype == bool
    assert data.labels.dtype == np.int64
    assert data.classes == tuple(sorted(FAMILIES[name].classes))
    number = list(FAMILIES).index(name)
    for position, row in enumerate(rows):
        assert set(row) == {"image_path", "label", "class_name", "mask_path"}
        assert (row["mask_path"] == "") == (row["label"] == 0)
        assert data.labels[position] == row["label"]
        assert data.classes[data.class_index[position]] == row["class_name"]
        class_name, _, kind, file = row["image_path"].split("/")
        index = int(file.removesuffix(".png"))
        class_number = list(FAMILIES[name].classes).index(class_name)
        generator = np.random.default_rng([111, number, class_number, row["label"], index])
        image, mask = _anomaly._sample(FAMILIES[name], class_name, kind, generator)
        assert np.array_equal(data.images[position], image)
        assert np.array_equal(data.masks[position], mask)
        if row["label"]:
            with Image.open(folder / row["mask_path"]) as stored:
                assert stored.mode == "L"
                assert set(np.unique(stored)) == {0, 255}
    share = data.masks.mean(axis=(1, 2))
    assert not share[data.labels == 0].any()
    assert share[data.labels == 1].min() >= AREA[0]
    assert share[data.labels == 1].max() <= AREA[1]


def test_every_class_has_every_defect_of_its_family(generated):
    for name, family in FAMILIES.items():
        kinds = {
            (row["class_name"], row["image_path"].split("/")[2]) for row in _rows(generated / name)
        }
        expected = {(c, k) for c in family.classes for k in (*family.defects, "good")}
        assert kinds == expected


def test_normal_pictures_vary(generated):
    data = read_anomaly_family(generated / "field")
    for index in range(len(data.classes)):
        normal = data.images[(data.class_index == index) & (data.labels == 0)].astype(int)
        assert np.abs(normal[0] - normal[1]).mean() > 5


def test_sources_name_every_photograph_with_licence_and_region(generated):
    sources = json.loads((generated / "SOURCES.json").read_text(encoding="utf-8"))
    assert sources["seed"] == 111
    assert set(sources["photographs"]) == {
        name for family in FAMILIES.values() for name in family.classes.values()
    }
    for name, entry in sources["photographs"].items():
        assert entry["licence"] == PHOTOGRAPHS[name].licence
        assert tuple(entry["region"].values()) == tuple(PHOTOGRAPHS[name].evaluation)


def test_only_photographs_with_a_stated_licence_are_redistributed():
    for family in FAMILIES.values():
        for name in family.classes.values():
            assert "see scikit-image" not in PHOTOGRAPHS[name].licence


def test_regenerating_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "data" / "aa_clip"
    generate_families(folder, seed=1, normal=2, anomalous=1)
    generate_families(folder, seed=1, normal=1, anomalous=1)
    generate_families(tmp_path / "fresh", seed=1, normal=1, anomalous=1)
    assert _digest(folder) == _digest(tmp_path / "fresh")
    assert [path.name for path in folder.parent.iterdir()] == ["aa_clip"]


def test_a_failure_leaves_what_was_there(monkeypatch, tmp_path):
    folder = tmp_path / "aa_clip"
    generate_families(folder, seed=1, normal=1, anomalous=1)
    before = _digest(folder)
    written = 0
    original = _anomaly._write_png

    def fail(path, pixels):
        nonlocal written
        written += 1
        if written > 20:
            raise OSError(28, "No space left on device")
        original(path, pixels)

    monkeypatch.setattr(_anomaly, "_write_png", fail)
    with pytest.raises(InputError, match=r"aa_clip; expected .* \(No space left on device\)"):
        generate_families(folder, seed=2, normal=2, anomalous=2)
    assert _digest(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["aa_clip"]


def test_a_failed_swap_puts_the_old_folder_back(monkeypatch, tmp_path):
    folder = tmp_path / "aa_clip"
    generate_families(folder, seed=1, normal=1, anomalous=1)
    before = _digest(folder)
    original = Path.rename

    def rename(self, target):
        if self.name.endswith(".partial"):
            raise OSError(5, "Input/output error")
        return original(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(InputError, match="Input/output error"):
        generate_families(folder, seed=2, normal=1, anomalous=1)
    assert _digest(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["aa_clip"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="expected a folder that can be written"):
        generate_families(tmp_path / "file" / "aa_clip", seed=1, normal=1, anomalous=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1; expected at least 0"),
        ({"seed": 0, "normal": 0}, "normal is 0; expected at least 1"),
        ({"seed": 0, "anomalous": 0}, "anomalous is 0; expected at least 1"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        generate_families(tmp_path / "x", **arguments)
    assert not (tmp_path / "x").exists()


def test_class_nouns():
    assert class_noun("coffee_cup") == "coffee cup"
    assert class_noun("tissue") == "tissue"
    assert class_noun("metal_nut") == "metal nut"


# The reader on exports of other datasets.


def _export(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    """A family of one normal and one anomalous image a size, as (columns, rows)."""
    rows = []
    folder.mkdir()
    for number, (columns, height) in enumerate(sizes):
        ramp = np.linspace(0, 255, columns)[None, :, None]
        pixels = np.broadcast_to(ramp, (height, columns, 3)).astype(np.uint8)
        mask = np.zeros((height, columns), np.uint8)
        mask[: height // 2, : columns // 2] = 1
        Image.fromarray(pixels).save(folder / f"{number}.png")
        Image.fromarray(mask).save(folder / f"{number}_mask.png")
        base = {"image_path": f"{number}.png", "class_name": "pipe_fryum", "extra": "ignored"}
        rows.append(base | {"label": 0, "mask_path": None})
        rows.append(base | {"label": 1, "mask_path": f"{number}_mask.png"})
    _rewrite(folder, rows)
    return folder


def test_any_image_size_is_resized(tmp_path):
    folder = _export(tmp_path / "visa", [(80, 40), (30, 50)])
    data = read_anomaly_family(folder, image_size=20)
    assert data.images.shape == (4, 20, 20, 3)
    assert data.classes == ("pipe_fryum",)
    assert data.labels.tolist() == [0, 1, 0, 1]
    quarter = np.zeros((20, 20), bool)
    quarter[:10, :10] = True
    for index in (1, 3):
        assert np.array_equal(data.masks[index], quarter)
    # A ramp stays a ramp.
    ramp = data.images[0, 10, :, 0].astype(float)
    assert np.abs(ramp - (np.arange(20) + 0.5) / 20 * 255).max() < 8


def test_sizes_that_differ_are_refused_without_image_size(tmp_path):
    folder = _export(tmp_path / "visa", [(80, 40), (30, 50)])
    with pytest.raises(InputError, match=r"line 3: image_path is '1\.png'.*80x40.*30x50"):
        read_anomaly_family(folder)


def test_image_size_is_checked(tmp_path):
    with pytest.raises(InputError, match="image_size is 0; expected at least 1"):
        read_anomaly_family(tmp_path, image_size=0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1", "P"])
def test_masks_of_any_mode(tmp_path, mode):
    folder = _export(tmp_path / "visa", [(16, 16)])
    mask = np.zeros((16, 16), np.uint8)
    mask[:8, :8] = 255
    if mode == "P":
        picture = Image.fromarray(mask // 255, mode="L")
        picture = picture.convert("P")
        picture.putpalette([0, 0, 0, 128, 0, 0])
    else:
        picture = Image.fromarray(mask).convert(mode)
    picture.save(folder / "0_mask.png")
    data = read_anomaly_family(folder)
    assert np.array_equal(data.masks[1], mask > 0)


def _without(key):
    return lambda row: {name: value for name, value in row.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("mask_path"), "line 4: mask_path; expected this key in every row"),
        (_without("label"), "line 4: label; expected this key"),
        (lambda row: row | {"label": 2}, r"line 4: label is 2; expected 0 \(normal\) or 1"),
        (lambda row: row | {"label": "1"}, "line 4: label is '1'; expected 0"),
        (lambda row: row | {"label": True}, "line 4: label is True; expected 0"),
        (lambda row: row | {"label": [1]}, r"line 4: label is \[1\]; expected 0"),
        (lambda row: row | {"class_name": ""}, "line 4: class_name is ''; expected a non-empty"),
        (lambda row: row | {"image_path": 3}, "line 4: image_path is 3; expected a non-empty"),
        (lambda row: row | {"mask_path": 3}, "line 4: mask_path is 3; expected a string or null"),
        (lambda row: row | {"mask_path": ""}, "line 4: mask_path is ''; expected a mask file"),
        (lambda row: row | {"mask_path": None}, "line 4: mask_path is ''; expected a mask file"),
        (
            lambda row: row | {"image_path": "none.png"},
            r"line 4: image_path is 'none\.png'; expected an existing file",
        ),
        (
            lambda row: row | {"mask_path": "none.png"},
            r"line 4: mask_path is 'none\.png'; expected an existing file",
        ),
        (
            lambda row: row | {"image_path": "../outside.png"},
            r"line 4: image_path is '\.\./outside\.png'; expected a path inside",
        ),
        (
            lambda row: row | {"mask_path": "/etc/hostname"},
            "line 4: mask_path is '/etc/hostname'; expected a path inside",
        ),
        (
            lambda row: row | {"image_path": "meta.jsonl"},
            "line 4: image_path is 'meta.jsonl'; expected a complete image file",
        ),
        (lambda row: [row], "line 4 is .*; expected one JSON object"),
        (
            lambda row: row | {"label": 0},
            "line 4: mask_path is .*; expected no mask or an empty one",
        ),
    ],
)
def test_bad_rows_are_refused(family, change, message):
    rows = _rows(family)
    (family.parent / "outside.png").write_bytes((family / rows[3]["image_path"]).read_bytes())
    rows[3] = change(rows[3])
    _rewrite(family, rows)
    with pytest.raises(InputError, match=message) as caught:
        read_anomaly_family(family)
    assert str(caught.value).startswith(f"{family / 'meta.jsonl'}: line 4")


def test_broken_json_is_refused(family):
    lines = (family / "meta.jsonl").read_text().splitlines()
    lines[1] = lines[1][:30]
    (family / "meta.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"meta\.jsonl: line 2 is .*; expected one JSON object"):
        read_anomaly_family(family)


def test_blank_lines_are_skipped(family):
    before = read_anomaly_family(family)
    text = (family / "meta.jsonl").read_text().replace("\n", "\n\n", 3)
    (family / "meta.jsonl").write_text(text)
    assert np.array_equal(read_anomaly_family(family).images, before.images)


@pytest.mark.parametrize("key", ["image_path", "mask_path"])
@pytest.mark.parametrize("keep", [10, 100])
def test_truncated_files_are_refused(family, key, keep):
    path = family / _rows(family)[2][key]
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=rf"line 3: {key} is .*; expected a complete image file"):
        read_anomaly_family(family)


def test_mask_of_another_size_is_refused(family):
    Image.new("L", (32, 64), 255).save(family / _rows(family)[2]["mask_path"])
    with pytest.raises(InputError, match=r"line 3: mask_path is .* size 64x64, not 32x64"):
        read_anomaly_family(family)


def test_empty_mask_of_an_anomalous_row_is_refused(family):
    Image.new("L", (64, 64)).save(family / _rows(family)[2]["mask_path"])
    with pytest.raises(InputError, match=r"line 3: mask_path is .*at least one non-zero pixel"):
        read_anomaly_family(family)


def test_missing_index_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"meta\.jsonl; expected a family's index; run"):
        read_anomaly_family(tmp_path)


def test_unreadable_index_is_refused(tmp_path):
    (tmp_path / "meta.jsonl").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(InputError, match=r"meta\.jsonl; expected a readable UTF-8"):
        read_anomaly_family(tmp_path)


def test_empty_index_is_refused(tmp_path):
    (tmp_path / "meta.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"meta\.jsonl; expected at least one row"):
        read_anomaly_family(tmp_path)
