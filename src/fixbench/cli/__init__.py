"""The command line: ``fixbench …``. Each command is a module, which `_main` lists."""

from fixbench.cli._main import main as main
