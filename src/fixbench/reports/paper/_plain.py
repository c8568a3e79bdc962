"""Text in ASCII, for places that know no formula: PDF bookmarks and BibTeX keys."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["plain"]

_WORDS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "÷": "/",
    "·": "*",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "≈": "~",
    "∞": "infinity",
    "→": "->",
    "∂": "d",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}


def plain(text: str) -> str:
    """The same in ASCII: ``1.2×10⁻⁷`` as ``1.2e-7``, a Greek letter by its name.

    A character without a counterpart becomes a question mark.
    """
    scientific = re.sub(
        "×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", lambda match: f"e{_normal(match[1]).replace('−', '-')}", text
    )
    return "".join(map(_character, scientific))


def _character(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else " "
    if character in _WORDS:
        return _WORDS[character]
    name = unicodedata.name(character, "")
    if found := re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", name):
        letter = "lambda" if found[2] == "LAMDA" else found[2].lower()
        return letter.capitalize() if found[1] == "CAPITAL" else letter
    decomposed = "".join(c for c in _normal(character) if c.isascii() and c.isprintable())
    return decomposed or "?"


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKD", text)
