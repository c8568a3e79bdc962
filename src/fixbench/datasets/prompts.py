"""The prompts of AA-CLIP, the words of all captions, and their tokeniser."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.photographs import PHOTOGRAPHS
from fixbench.errors import InputError

__all__ = [
    "ABNORMAL_STATES",
    "ATTRIBUTES",
    "NORMAL_STATES",
    "PRAISED_STATES",
    "SPECIFIC_STATES",
    "TEMPLATES",
    "anomaly_prompts",
    "tokenise",
    "vocabulary",
]

#: The prompt ensemble of AA-CLIP (Apache-2.0): states of a noun, and templates around them.
NORMAL_STATES = ("{}", "a {}", "the {}")
ABNORMAL_STATES = (
    "a damaged {}",
    "a broken {}",
    "a {} with flaw",
    "a {} with defect",
    "a {} with damage",
)
TEMPLATES = ("{}.", "a photo of {}.")

#: Further states of a noun, in captions only: of an intact one, and by defect.
PRAISED_STATES = ("a flawless {}", "an undamaged {}", "a perfect {}")
SPECIFIC_STATES = MappingProxyType(
    {
        "crack": "a {} with a crack",
        "hole": "a {} with a hole",
        "scratch": "a {} with a scratch",
        "stain": "a {} with a stain",
    }
)
#: What a caption may say of a picture.
ATTRIBUTES = (
    "close-up",
    "wide",
    "dark",
    "bright",
    "gray",
    "reddish",
    "greenish",
    "bluish",
    "blurry",
    "rotated",
)

_PADDING, _START, _END = "<padding>", "<start>", "<end>"
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*|\.")


def anomaly_prompts(noun: str) -> tuple[list[str], list[str]]:
    """The prompts of one class: 6 for its normal and 10 for its anomalous state."""
    normal, abnormal = (
        [template.format(state.format(noun)) for state in states for template in TEMPLATES]
        for states in (NORMAL_STATES, ABNORMAL_STATES)
    )
    return normal, abnormal


@cache
def vocabulary() -> tuple[str, ...]:
    """Every token, at the position that is its id.

    First the padding, then the words of all captions and prompts in alphabetical order, last the
    start and the end token: the end has the largest id, as in CLIP, so that ``argmax`` over a
    token row finds it.
    """
    states = (*NORMAL_STATES, *ABNORMAL_STATES, *PRAISED_STATES, *SPECIFIC_STATES.values())
    nouns = [photograph.noun for photograph in PHOTOGRAPHS.values()]
    words = {word for text in (*states, *TEMPLATES, *nouns) for word in _WORD.findall(text)}
    return (_PADDING, *sorted(words | set(ATTRIBUTES)), _START, _END)


def tokenise(texts: Iterable[str], context_length: int = 77) -> NDArray[np.int64]:
    """Words to ids, int64 [B, context_length]: start, words and full stops, end, then padding.

    Case and spacing do not matter.

    Raises:
        InputError: a word is outside `vocabulary`, or a text does not fit.
    """
    ids = {word: number for number, word in enumerate(vocabulary())}
    texts = list(texts)
    tokens = np.zeros((len(texts), context_length), dtype=np.int64)
    for index, text in enumerate(texts):
        lowered = text.lower()
        words = _WORD.findall(lowered)
        unknown = [word for word in words if word not in ids] or _WORD.sub(" ", lowered).split()
        if unknown:
            expected = f"one of the {len(ids) - 3} words of the closed vocabulary"
            raise InputError(f"text {text!r}", "word", unknown[0], expected=expected)
        if len(words) + 2 > context_length:
            expected = f"at most {context_length - 2}, to leave room for the start and the end"
            raise InputError(f"text {text!r}", "number of words", len(words), expected=expected)
        row = [ids[_START], *(ids[word] for word in words), ids[_END]]
        tokens[index, : len(row)] = row
    return tokens
