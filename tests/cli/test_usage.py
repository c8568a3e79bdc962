"""What the command line says by itself: help, suggestions, completion, colours."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fixbench.cli import main
from fixbench.cli._colour import paint
from fixbench.cli._command import Command
from fixbench.cli._main import COMMANDS, make_parser

ROOT = Path(__file__).parents[2]


def stopped(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """The status, and what was said, of a command line that ends in its parser."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_has_examples_that_the_command_takes(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.examples
    status, text, _ = stopped(capsys, command.name, "--help")
    assert status == 0
    assert command.text in text
    for example in command.examples:
        assert f"\n  {example}" in text
        program, *words = shlex.split(example.partition(" > ")[0])
        assert program == "fixbench"
        assert make_parser().parse_args(words).run == command.run


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (["explan", "LB02"], "explain"),
        (["explain", "LB02", "--tier", "smal"], "small"),
        (["data", "pul"], "pull"),
        (["explain", "LB02", "--claim=x", "--jsn"], "--json"),
        (["plan", "--core=2", "--ablation", "x", "--teir", "small"], "--tier"),
        (["completion", "bsh"], "bash"),
    ],
)
def test_what_is_misspelt_gets_the_nearest(
    arguments: list[str], nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, error = stopped(capsys, *arguments)
    assert status == 2
    assert error.rstrip().endswith(f"; did you mean {nearest!r}?")


def test_nothing_near_gets_no_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, error = stopped(capsys, "check", "--qqqq")
    assert status == 2
    assert "unrecognized arguments: --qqqq\n" in error


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    line = " ".join(map(shlex.quote, words))
    code = (
        f"source {shlex.quote(str(script))}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        'f=$(complete -p fixbench | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $f; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    return [word.strip() for word in done.stdout.split("\n") if word.strip()]


def test_bash_completes_commands_options_and_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "fixbench.bash"
    script.write_text(capsys.readouterr().out)
    assert completed(script, "fixbench", "expl") == ["explain"]
    assert completed(script, "fixbench", "plan", "--co") == ["--cores"]
    assert completed(script, "fixbench", "explain", "LB02", "--tier", "ext") == ["extended"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert all(command.name in text for command in COMMANDS)
    if shutil.which(shell) is not None:
        script = tmp_path / "script"
        script.write_text(text)
        subprocess.run([shell, "-n", str(script)], check=True)


def test_colours_are_for_a_terminal_that_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal, open(os.devnull, "w") as file:
        assert paint("ok", "green", terminal) == "\033[32mok\033[0m"
        assert paint("ok", "green", file) == "ok"
        monkeypatch.setenv("NO_COLOR", "1")
        assert paint("ok", "green", terminal) == "ok"
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        assert paint("ok", "green", terminal) == "ok"
    os.close(ours)


def test_the_reference_has_every_command() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `fixbench ([a-z]+)", text, re.M)
    assert listed == [command.name for command in COMMANDS]
