"""Captions that hold for their pictures, prompts, and the closed vocabulary."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageStat
from scipy import ndimage

from fixbench.datasets import (
    FAMILIES,
    PHOTOGRAPHS,
    _captions,
    anomaly_prompts,
    caption_batch,
    class_noun,
    tokenise,
    vocabulary,
)
from fixbench.datasets._anomaly import FAMILY_SEVERITY
from fixbench.errors import InputError

DAMAGE = re.compile(r"\bdamaged|broken|with (a )?(flaw|defect|damage|crack|hole|scratch|stain)")


@pytest.fixture(scope="module")
def batch():
    return caption_batch(np.random.default_rng(5), 700, 48)


def _words(caption: str) -> set[str]:
    return set(caption.rstrip(".").split())


def test_seed_decides():
    images, captions = caption_batch(np.random.default_rng(3), 12, 40)
    again, same = caption_batch(np.random.default_rng(3), 12, 40)
    other, different = caption_batch(np.random.default_rng(4), 12, 40)
    assert images.shape == (12, 40, 40, 3)
    assert images.dtype == np.uint8
    assert np.array_equal(images, again)
    assert captions == same
    assert not np.array_equal(images, other)
    assert captions != different


def test_brightness_words_hold(batch):
    images, captions = batch
    luminance = np.array([ImageStat.Stat(Image.fromarray(i).convert("L")).mean[0] for i in images])
    dark = np.array(["dark" in _words(c) for c in captions])
    bright = np.array(["bright" in _words(c) for c in captions])
    assert dark.sum() > 20
    assert bright.sum() > 20
    # Half a grey level for the rounding of Pillow's conversion.
    assert luminance[dark].max() < _captions.DARK + 0.5
    assert luminance[bright].min() > _captions.BRIGHT - 0.5


def test_colour_words_hold(batch):
    images, captions = batch
    means = images.reshape(len(images), -1, 3).mean(axis=1)
    for channel, word in enumerate(("reddish", "greenish", "bluish")):
        said = np.array([word in _words(c) for c in captions])
        assert said.any()
        others = np.delete(means, channel, axis=1).max(axis=1)
        assert (means[said, channel] - others[said]).min() > _captions.TINT
    gray = np.array(["gray" in _words(c) for c in captions])
    assert gray.sum() > 20
    assert np.ptp(images[gray], axis=3).max() == 0


def test_blur_word_holds(batch):
    images, captions = batch
    noun = {photograph.noun for photograph in PHOTOGRAPHS.values() if photograph.kind == "texture"}
    sharpness: dict[bool, list[float]] = {True: [], False: []}
    for image, caption in zip(images, captions, strict=True):
        if any(word in caption for word in noun) and not DAMAGE.search(caption):
            grey = image.mean(axis=2)
            detail = np.abs(grey - ndimage.gaussian_filter(grey, 1.0)).mean() / grey.std()
            sharpness["blurry" in _words(caption)].append(float(detail))
    # The word is left out of half of the captions that could bear it: compare medians.
    assert np.median(sharpness[True]) < 0.5 * np.median(sharpness[False])


def test_damage_is_said_when_and_only_when_it_is_there(monkeypatch):
    damaged: list[str | None] = []
    original = _captions.apply_defect

    def record(image, generator, kind, severity, **keywords):
        result = original(image, generator, kind, severity, **keywords)
        damaged[-1] = kind if result is not None else None
        return result

    def picture(*arguments):
        damaged.append(None)
        return take(*arguments)

    take = _captions._picture
    monkeypatch.setattr(_captions, "apply_defect", record)
    monkeypatch.setattr(_captions, "_picture", picture)
    _, captions = caption_batch(np.random.default_rng(0), 400, 48)
    assert 0.15 < np.mean([kind is not None for kind in damaged]) < 0.35
    for caption, kind in zip(captions, damaged, strict=True):
        assert (DAMAGE.search(caption) is not None) == (kind is not None)
        named = re.search(r"with a (crack|hole|scratch|stain)", caption)
        if named:
            assert named.group(1) == kind
        if re.search("flawless|undamaged|perfect", caption):
            assert kind is None


def test_pictures_show_pretraining_pixels_only(monkeypatch):
    asked = []

    def region(name, part):
        asked.append((name, part))
        return _region(name, part)

    _region = _captions.photograph_region
    monkeypatch.setattr(_captions, "photograph_region", region)
    caption_batch(np.random.default_rng(0), 300, 32)
    assert {part for _, part in asked} == {"pretraining"}
    assert {name for name, _ in asked} == set(PHOTOGRAPHS)


def test_damage_differs_from_that_of_the_families():
    assert set(_captions._SEVERITY) < set(FAMILY_SEVERITY)
    for kind, severity in _captions._SEVERITY.items():
        family = FAMILY_SEVERITY[kind]
        assert severity != family
        weakest, strongest = severity.contrast
        assert weakest < family.contrast[0]
        assert strongest >= family.contrast[1]


@pytest.mark.parametrize(("size", "image_size", "key"), [(0, 64, "size"), (4, 16, "image_size")])
def test_sizes_are_checked(size, image_size, key):
    with pytest.raises(InputError, match=rf"caption_batch: {key} is \d+; expected at least"):
        caption_batch(np.random.default_rng(0), size, image_size)


def test_prompts_are_the_documented_sixteen():
    normal, abnormal = anomaly_prompts("coin")
    assert normal == [
        "coin.",
        "a photo of coin.",
        "a coin.",
        "a photo of a coin.",
        "the coin.",
        "a photo of the coin.",
    ]
    assert len(abnormal) == 10
    assert "a photo of a coin with defect." in abnormal
    assert "a broken coin." in abnormal


def test_vocabulary_is_closed_sorted_and_complete(batch):
    words = vocabulary()
    assert words[0] == "<padding>"
    assert words[-2:] == ("<start>", "<end>")
    assert list(words[1:-2]) == sorted(set(words[1:-2]))
    tokenise(batch[1])
    nouns = [class_noun(name) for family in FAMILIES.values() for name in family.classes]
    for noun in [*nouns, *(photograph.noun for photograph in PHOTOGRAPHS.values())]:
        for prompts in anomaly_prompts(noun):
            tokenise(prompts)


def test_tokens_by_hand():
    words = list(vocabulary())
    tokens = tokenise(["A  photo of a coin."], context_length=10)
    middle = [words.index(word) for word in ("a", "photo", "of", "a", "coin", ".")]
    assert tokens.tolist() == [[len(words) - 2, *middle, len(words) - 1, 0, 0]]
    assert tokenise(["coin"]).shape == (1, 77)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.sampled_from(vocabulary()[1:-2]), max_size=30), min_size=1, max_size=4))
def test_tokeniser_round_trip_and_end_is_argmax(sentences):
    tokens = tokenise([" ".join(words) for words in sentences], context_length=40)
    assert tokens.dtype == np.int64
    for row, words in zip(tokens, sentences, strict=True):
        end = int(row.argmax())
        assert end == len(words) + 1
        assert vocabulary()[row[end]] == "<end>"
        assert [vocabulary()[number] for number in row[1:end]] == words
        assert not row[end + 1 :].any()


@pytest.mark.parametrize(
    ("text", "word"), [("a zebra.", "zebra"), ("a coin!", "!"), ("coin 2", "2"), ("<end>", "end")]
)
def test_unknown_words_are_refused(text, word):
    with pytest.raises(InputError, match=rf"word is '{re.escape(word)}'; expected one of the \d+"):
        tokenise(["a coin.", text])


def test_too_long_a_text_is_refused():
    assert tokenise(["coin " * 8], context_length=10)[0, -1] == len(vocabulary()) - 1
    with pytest.raises(InputError, match="number of words is 9; expected at most 8"):
        tokenise(["coin " * 9], context_length=10)
