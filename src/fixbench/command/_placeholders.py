"""The placeholders of a command: found, and filled as the shell needs it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fixbench.command._options import option_text, override

__all__ = ["BUILT_IN", "fill_in", "fill_path", "option_words", "pieces", "placeholders"]

#: What stands in place of each that is no option.
BUILT_IN = {
    "seed": "the seed",
    "output": "the path to which metrics are written, in a folder of the run's own",
    "options": "the path of a file with all options, which is JSON and YAML",
    "options_yaml": "the same file with a name that ends in .yaml",
    "overrides": "all options as Hydra takes them, such as optimiser.rate=0.1",
    "work": "an empty folder of the run's own, which is gone afterwards",
    "folder": "the ablation's folder, in which the command starts",
    "root": "the working directory of Fixbench",
}
#: What looks like a placeholder.
_NAMED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")

#: A word, or several words.
Words = str | Sequence[str]


def fill_in(command: str, words: Mapping[str, Words]) -> str:
    """A shell command with each ``{name}`` replaced by its word, whatever is in the word.

    The shell sees the word as it is, with its spaces, dollars and quotes: it is escaped as its
    place asks, within single quotes, within double quotes or outside of them. Several words become
    one within quotes, joined by spaces. ``${name}`` is a variable of the shell, and a brace after
    a backslash is the program's own.
    """
    filled = ""
    for text, name, quote in pieces(command, words):
        filled += text if name is None else _escaped(words[name], quote)
    return filled


def fill_path(path: str, words: Mapping[str, str]) -> str:
    """A path, which no shell reads, with each ``{name}`` replaced by its word."""
    names = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(rf"\{{({names})\}}", lambda match: words[match[1]], path)


def placeholders(text: str, known: Sequence[str] = (), *, shell: bool = True) -> list[str]:
    """The names in braces, each once, in order.

    Args:
        known: names that count whatever is in them; others must look like names.
        shell: the text is a command, in which ``${name}`` and ``\\{name}`` are none.
    """
    if not shell:
        return list(dict.fromkeys(match[1] for match in _NAMED.finditer(text)))
    return list(dict.fromkeys(name for _, name, _ in pieces(text, known, open_=True) if name))


def option_words(options: Mapping[str, Any]) -> dict[str, str]:
    """Dotted name → word, of each option and of each group of options.

    Args:
        options: nested, as systems read them.
    """
    found: dict[str, str] = {}

    def add(prefix: str, part: Mapping[str, Any]) -> None:
        for key, value in part.items():
            found[f"{prefix}{key}"] = option_text(value)
            if isinstance(value, Mapping):
                add(f"{prefix}{key}.", value)

    add("", options)
    return found


def override_words(flat: Mapping[str, Any]) -> list[str]:
    """``{overrides}``: one word for each dotted option."""
    return [override(name, value) for name, value in flat.items()]


def pieces(
    command: str, names: Mapping[str, Words] | Sequence[str], *, open_: bool = False
) -> Iterator[tuple[str, str | None, str]]:
    """Pieces of a command: its text, the name where it is a placeholder, the quote around it.

    Args:
        open_: other names in braces are placeholders too.
    """
    quote, position = "", 0
    known = sorted(names, key=len, reverse=True)
    while position < len(command):
        name = next((n for n in known if command.startswith(f"{{{n}}}", position)), None)
        if name is None and open_ and (match := _NAMED.match(command, position)):
            name = match[1]
        if name is not None:
            yield f"{{{name}}}", name, quote
            position += len(name) + 2
            continue
        character = command[position]
        size = 1
        if (character == "\\" and quote != "'") or command[position : position + 2] in ("${", "$$"):
            size = 2
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        yield command[position : position + size], None, quote
        position += size


def _escaped(words: Words, quote: str) -> str:
    if not isinstance(words, str):
        if not quote:
            return " ".join(map(shlex.quote, words))
        words = " ".join(words)
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", words)
    return words.replace("'", "'\"'\"'") if quote else shlex.quote(words)
