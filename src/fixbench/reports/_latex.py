"""Text for LaTeX: every character that pdfLaTeX treats specially or does not know."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["Raw", "code", "escape", "symbols"]


class Raw(str):
    """Text that is LaTeX already."""

    __slots__ = ()


_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    '"': "''",
    # After a row's end these would be read as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "`": r"\textasciigrave{}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "\u00a0": "~",
    "\u202f": r"\,",
    "\u2009": r"\,",
    "§": r"\S{}",
    "·": r"\ensuremath{\cdot}",
    "•": r"\textbullet{}",
    "†": r"\dag{}",
    "°": r"\ensuremath{^{\circ}}",
}
_OPENING = {'"': "``", "'": "`"}
_MATHEMATICS = {
    "−": "-",
    "×": r"\times",
    "÷": r"\div",
    "±": r"\pm",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "≡": r"\equiv",
    "≪": r"\ll",
    "≫": r"\gg",
    "∞": r"\infty",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∑": r"\sum",
    "Σ": r"\Sigma",
    "∏": r"\prod",
    "√": r"\surd",
    "∈": r"\in",
    "∝": r"\propto",
    "∥": r"\|",
    "‖": r"\|",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "→": r"\to",
    "←": r"\leftarrow",
    "↔": r"\leftrightarrow",
    "⇒": r"\Rightarrow",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "ι": r"\iota",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "µ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "ς": r"\varsigma",
    "τ": r"\tau",
    "υ": r"\upsilon",
    "φ": r"\varphi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
    "Γ": r"\Gamma",
    "Δ": r"\Delta",
    "Θ": r"\Theta",
    "Λ": r"\Lambda",
    "Ξ": r"\Xi",
    "Π": r"\Pi",
    "Φ": r"\Phi",
    "Ψ": r"\Psi",
    "Ω": r"\Omega",
}
_TABLE = {
    **_SPECIAL,
    **{character: rf"\ensuremath{{{command}}}" for character, command in _MATHEMATICS.items()},
    **{
        character: rf"\ensuremath{{^{{{plain}}}}}"
        for character, plain in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+", strict=True)
    },
    **{
        character: rf"\ensuremath{{_{{{plain}}}}}"
        for character, plain in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)
    },
}
# pdfLaTeX's own UTF-8 tables set these without a package.
_ACCENTED = frozenset("ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŁłŒœŠšŽž")


def escape(value: object) -> Raw:
    """``value`` as LaTeX text that pdfLaTeX sets with the default packages.

    A character without a counterpart becomes its ASCII decomposition, else ``[U+XXXX]``: the
    document compiles and the loss is visible.
    """
    if isinstance(value, Raw):
        return value
    pieces: list[str] = []
    previous = ""
    for character in str(value):
        if character == previous and character in "-'`,":
            pieces.append("{}")  # two hyphens, quotes or commas would become one glyph
        if character in _OPENING and (previous.isspace() or previous in "([{/"):
            pieces.append(_OPENING[character])  # straight quotes have one shape for both ends
        else:
            pieces.append(_character(character))
        previous = character
    return Raw("".join(pieces))


def code(value: object) -> Raw:
    """A name, path or hash in typewriter type, which may break after ``/ . _ =``, in no number."""
    pieces = re.split(r"(?<=[/_=])|(?<=\.)(?!\d)", str(value))
    escaped = ("".join(map(_character, piece)) for piece in pieces)
    return Raw(r"\texttt{" + r"\allowbreak{}".join(escaped) + "}")


def symbols(value: object) -> Raw:
    """Text of ours in which ``n`` and ``p``, as words of their own, are set as mathematics."""
    return Raw(re.sub(r"\b([np])\b", r"\\(\1\\)", escape(value)))


def _character(character: str) -> str:
    if character in _TABLE:
        return _TABLE[character]
    if character in "\n\r\t":
        return " "
    if (character.isascii() and character.isprintable()) or character in _ACCENTED:
        return character
    plain = unicodedata.normalize("NFKD", character)
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    if plain and plain.isascii() and plain.isprintable():
        return "".join(_TABLE.get(c, c) for c in plain)
    return rf"[U+{ord(character):04X}]"
