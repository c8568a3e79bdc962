"""What Docker and Podman have in common: all arguments but a few, and how images are built.

Sources: the reference pages of ``docker run`` and ``podman run``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from abc import abstractmethod
from pathlib import Path

from fixbench.containers._engine import Engine, Image
from fixbench.containers._invocation import Invocation, check_mountable
from fixbench.containers._programs import ask, last_line, show
from fixbench.containers._spec import DOCKERFILE, ImageSpec, declaration, describe, open_labels
from fixbench.errors import InputError

__all__ = ["OciEngine"]


class OciEngine(Engine):
    """An engine with Docker's command line and images in a store of its own."""

    @abstractmethod
    def own_arguments(self, invocation: Invocation) -> list[str]:
        """What this engine needs besides the common arguments, its GPUs among it."""

    def run_arguments(self, invocation: Invocation) -> list[str]:
        limits, memory = invocation.limits, f"{invocation.limits.memory_mb * 1_000_000}b"
        user = "{}:{}".format(*invocation.user)
        arguments = [self.name, "run", "--name", invocation.name, "--pull", "never"]
        arguments += ["--network", "none", "--read-only", "--cap-drop", "ALL"]
        arguments += ["--security-opt", "no-new-privileges", "--user", user]
        arguments += ["--memory", memory, "--memory-swap", memory, "--cpus", str(limits.cpus)]
        arguments += ["--pids-limit", str(limits.processes)]
        size = f"size={limits.temporary_mb * 1_000_000}"
        arguments += ["--tmpfs", f"/tmp:rw,nosuid,nodev,mode=1777,{size}"]
        arguments += self.own_arguments(invocation)
        for key, value in invocation.labels.items():
            arguments += ["--label", f"{key}={value}"]
        for key, value in invocation.environment.items():
            arguments += ["--env", f"{key}={value}"]
        for mount in invocation.mounts:
            check_mountable(mount, ',"')
            option = f"type=bind,source={mount.source},target={mount.inside}"
            arguments += ["--mount", option if mount.writable else f"{option},readonly"]
        arguments += ["--workdir", str(invocation.folder)]
        return [*arguments, invocation.image, *invocation.command]

    def stop(self, container: str, client: subprocess.Popen[bytes], attempt: int) -> None:
        self.remove(container)

    def remove(self, container: str) -> None:
        ask([self.name, "rm", "--force", container])

    def out_of_memory(self, container: str) -> bool:
        query = [self.name, "inspect", "--format", "{{.State.OOMKilled}}", container]
        return ask(query).stdout.strip() == "true"

    def find_image(self, spec: ImageSpec, root: Path) -> Image | None:
        found = self._inspect(spec.reference)
        if found is None or spec.published is None:
            return found
        return Image(identity=found.identity, labels=None)

    def find_base(self, reference: str) -> str | None:
        found = self._inspect(reference)
        return None if found is None else found.identity.removeprefix("sha256:")

    def build_image(
        self, spec: ImageSpec, root: Path, *, wheels: Path | None = None, network: str | None = None
    ) -> None:
        import tempfile  # slow to import, and jobs seldom build

        self._check_parts(spec, root)
        arguments = [self.name, "build", "--force-rm", "--target", "torch", "--tag", spec.name]
        arguments += ["--build-arg", f"BASE_IMAGE={spec.base_reference}"]
        arguments += ["--build-arg", f"TORCH={spec.environment.removeprefix('torch-')}"]
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
            if wheels is None and name in os.environ:
                arguments += ["--build-arg", name]
        if wheels is not None or network is not None:
            arguments += ["--network", network or "none"]
        for key, value in (spec.labels() | open_labels(root, spec)).items():
            arguments += ["--label", f"{key}={value}"]
        with tempfile.TemporaryDirectory(prefix="fixbench-image-") as folder:
            context = Path(folder)
            (context / "envs").mkdir()
            for path in (DOCKERFILE, Path("envs", f"{spec.environment}.lock")):
                shutil.copyfile(declaration(root) / path, context / path)
            if wheels is not None:
                _copy_wheels(wheels, context / "wheels")
            expected = f"an image that {self.name} can build; its output says why"
            show([*arguments, str(context)], expected)

    def pull_image(self, spec: ImageSpec, root: Path) -> None:
        expected = "a published image that can be pulled"
        show([self.name, "pull", spec.reference], expected)

    def _inspect(self, reference: str) -> Image | None:
        answer = ask([self.name, "image", "inspect", reference])
        if answer.returncode:
            said = answer.stderr.lower()
            if "no such image" in said or "not known" in said:
                return None
            expected = f"an engine that answers ({last_line(answer.stderr)})"
            raise InputError(self.name, "image", reference, expected=expected)
        (image,) = json.loads(answer.stdout)
        labels = (image.get("Config") or {}).get("Labels") or {}
        return Image(identity=str(image["Id"]), labels=labels)

    def _check_parts(self, spec: ImageSpec, root: Path) -> None:
        """Refuse to build something else under the labels of ``spec``."""
        current = describe(declaration(root), spec.environment)
        for key, value in (("lock", spec.lock), ("dockerfile", spec.dockerfile)):
            if current[key] != value:
                expected = f"{value}, as when the workflow started; start it again"
                raise InputError(root, f"{spec.environment}.{key}", current[key], expected=expected)
        if spec.base_reference != spec.base:  # a local image, whose name may now mean another
            identity = self.find_base(spec.base_reference) or "missing"
            if not spec.base.endswith(f"@sha256:{identity}"):
                expected = f"{spec.base}; name the base anew with `fixbench image build --base`"
                raise InputError("base image", spec.base_reference, identity, expected=expected)


def _copy_wheels(source: Path, target: Path) -> None:
    if not any(source.glob("*.whl")):
        expected = "a folder with wheels, as `pip download` fills it from the lock file"
        raise InputError("--wheels", "", str(source), expected=expected)
    target.mkdir()
    for wheel in sorted(path for path in source.iterdir() if path.is_file()):
        try:
            os.link(wheel.resolve(), target / wheel.name)
        except OSError:
            shutil.copyfile(wheel, target / wheel.name)
