"""A small pipeline around a command, to be killed and damaged."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import fixbench

__all__ = ["RESULTS", "Pipeline"]

ROOT = Path(__file__).parents[2]
FIXTURE = ROOT / "tests" / "fixtures" / "ablations" / "toy_command"
RESULTS = "results/toy_command/smoke"
#: Nobody waits longer for what ends by itself; a machine may be slow.
_LONGEST = 600


class Pipeline:
    """A checkout with one ablation of two variants, whose seeds take a fifth of a second each."""

    def __init__(self, folder: Path, *, pause: float = 0.2) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in ("config", "profiles"):
            shutil.copytree(ROOT / name, folder / name)
        shutil.copy(ROOT / "Snakefile", folder)
        place = folder / "ablations" / "toy_command"
        shutil.copytree(FIXTURE, place, ignore=shutil.ignore_patterns("__pycache__"))
        settings = folder / "config" / "config.yaml"
        settings.write_text(settings.read_text().replace("runtime: auto", "runtime: local"))
        script = place / "measure.py"
        script.write_text(f"import time\n\ntime.sleep({pause})\n" + script.read_text())
        self.environment = os.environ | {
            "PYTHONPATH": str(Path(fixbench.__file__).parents[1]),
            "XDG_CACHE_HOME": str(folder / ".cache"),
            "FIXBENCH_SAVE_SECONDS": "0",
        }

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Snakemake, up to the verdicts, in a process group of its own."""
        command = [sys.executable, "-m", "snakemake", f"{RESULTS}/claims.json", "--cores", "2"]
        command += ["--config", "tier=smoke", "ablations=toy_command", *more]
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self) -> tuple[int, str]:
        """Exit status and what was printed."""
        process = self.start()
        try:
            said, _ = process.communicate(timeout=_LONGEST)
        except BaseException:  # what goes on would outlive the test
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return process.returncode, said

    def finish(self) -> None:
        """Run to the end, as somebody does who reads what the last run says to type.

        Raises:
            AssertionError: neither the run nor the line that it prints leads to the end.
        """
        status, said = self.run()
        if status and "--unlock" in said:
            subprocess.run(
                [sys.executable, "-m", "snakemake", "--unlock"],
                cwd=self.folder,
                env=self.environment,
                check=True,
                capture_output=True,
            )
            status, said = self.run()
        assert status == 0, said
        assert "Traceback" not in said

    def results(self) -> dict[str, bytes]:
        """File → its bytes, of the results and verdicts."""
        files = sorted((self.folder / RESULTS).rglob("*"))
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in files
            if path.suffix in (".parquet", ".state", ".json")
        }

    def left(self) -> list[int]:
        """Processes that still work in the folder."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                here = entry.name.isdecimal() and (entry / "cwd").resolve(strict=True)
                state = (entry / "stat").read_text().rpartition(")")[2].split()[:1] if here else []
            except OSError:
                continue
            if here and here.is_relative_to(self.folder) and state != ["Z"]:
                found.append(int(entry.name))
        return found

    def command_of(self, process: int) -> str:
        """The command line of a process; empty where it has ended."""
        try:
            return Path("/proc", str(process), "cmdline").read_text().replace("\0", " ")
        except OSError:
            return ""

    def kill(self, how: str, chance: random.Random, longest: float) -> float:
        """Start it, end something of it at a random moment, and wait until all of it has ended.

        Args:
            how: ``"snakemake"`` (SIGKILL), ``"group"`` (SIGKILL to its process group), ``"asked"``
                (SIGTERM) or ``"job"`` (SIGKILL to a process that it has started).
            longest: the latest moment, in seconds.

        Returns:
            how long everything took to end, in seconds.
        """
        process = self.start()
        time.sleep(chance.uniform(0.2, 1.0) * longest)
        if how == "job":
            others = [one for one in self.left() if one != process.pid]
            if others:
                victim = chance.choice(others)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            process.communicate(timeout=_LONGEST)
        elif how == "group":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGTERM if how == "asked" else signal.SIGKILL)
        began = time.monotonic()
        while self.left():
            assert time.monotonic() - began < _LONGEST
            time.sleep(0.05)
        took = time.monotonic() - began
        process.communicate(timeout=_LONGEST)
        return took
