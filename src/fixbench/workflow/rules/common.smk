import os
import re
import shlex
import sys
from pathlib import Path

import fixbench
from fixbench.containers import CODE
from fixbench.errors import InputError
from fixbench.provenance import room_hash
from fixbench.worker import OWNER, WORKER
from fixbench.workflow import make_plan

# `--sdm apptainer`: Snakemake itself runs every job in the image that `container:` names.
CONTAINED = any(
    method.name.lower() == "apptainer"
    for method in workflow.deployment_settings.deployment_method
)

# Where Fixbench is in such a container. Snakemake shows it the working directory alone.
PACKAGE, SOURCE = Path(fixbench.__file__).parent, "$PWD/src"
if CONTAINED and PACKAGE.parent != Path("src").resolve():
    SOURCE = CODE
    bound = shlex.quote(f"{PACKAGE}:{CODE / PACKAGE.name}")
    workflow.deployment_settings.apptainer_args += f" --bind {bound}"


def refuse(error):
    """One message and no traceback."""
    print(f"fixbench: error: {error}", file=sys.stderr)
    sys.exit(2)


def one_of(names):
    """A wildcard constraint that lets these names pass, or nothing if there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def shell_word(text):
    """A word of the shell prefix, in which Snakemake takes single braces for placeholders."""
    return shlex.quote(text).replace("{", "{{").replace("}", "}}")


try:
    PLAN = make_plan(config, contained=CONTAINED)
    IMAGE = PLAN.container(contained=CONTAINED)
except InputError as error:
    refuse(error)

if PLAN.engine is None and config.get("runtime", "auto") == "auto" and not CONTAINED:
    print(
        "fixbench: no container engine answers: jobs run in this environment",
        file=sys.stderr,
    )

for line in PLAN.warnings():
    print(f"fixbench: {line}", file=sys.stderr)

# One process per core: a second thread is slower here, and changes the last bits of the results.
# The interpreter that runs Snakemake runs the jobs too, activated or not (outside containers).
shell.prefix(
    "set -euo pipefail; export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 DVC_NO_ANALYTICS=1 "
    + (
        f'PYTHONPATH="{SOURCE}" FIXBENCH_LAUNCH={shell_word(PLAN.contained_record(IMAGE))}; '
        if CONTAINED
        else f"PATH={shell_word(str(Path(sys.executable).parent))}:$PATH"
        # On a node of a cluster Snakemake runs one job: a worker would serve it alone.
        + f" {OWNER}={os.getpid()} {WORKER}={'yes' if PLAN.worker and not workflow.remote_exec else 'no'}; "
    )
)


# The files of an ablation that is left out are what they are: nothing here makes them.
wildcard_constraints:
    ablation=one_of(PLAN.ablations),
    tier=PLAN.tier,
    # Of seeds, and in tiers with data draws the draw: 0-4.data-1.
    block=r"[0-9,-]+(\.data-[0-9]+)?",
    look=r"[0-9]+",


# Inert without `--sdm apptainer`.
container: IMAGE


def job_input(wildcards):
    """What a job reads: its request, records of its tracked inputs, the states it starts from."""
    return PLAN.job_files(wildcards.ablation, wildcards.variant, wildcards.block)


def blocks(ablation):
    """How many blocks of seeds there are to be judged; `None` for all that are planned.

    With seeds=until-verdict it takes a look after each block to know: Snakemake makes that look,
    and asks again.
    """
    for number, _ in enumerate(PLAN.ablations[ablation].looks, start=1):
        decided = checkpoints.look.get(ablation=ablation, tier=PLAN.tier, look=number)
        if PLAN.settled(decided.output[0]):
            return number
    return None


def claim_files(wildcards):
    """The files that say what is asked and claimed."""
    return PLAN.ablation_files(wildcards.ablation)


def judged_results(wildcards):
    """The results of all blocks of seeds that count."""
    return PLAN.results(wildcards.ablation, blocks(wildcards.ablation))


def judged_records(wildcards):
    """The provenance records of those results."""
    return PLAN.provenance(wildcards.ablation, blocks(wildcards.ablation))


def shown(paths, caption, category):
    """The same files. Those for a reader, and not for LaTeX, stand in `snakemake --report`."""
    flagged = []
    for path in paths:
        if path.endswith((".html", ".pdf", ".csv")) and "appendix" not in path:
            labels = {"file": Path(path).name}
            path = report(path, caption=caption, category=category, labels=labels)
        flagged.append(path)
    return flagged


def check_rules():
    """Refuse a rule file that leaves its ablation without a rule, or with two, before any job."""
    for ablation in PLAN.ablations:
        result = PLAN.results(ablation)[0]
        makers = [rule.name for rule in workflow.rules if rule.is_producer(result)]
        try:
            PLAN.check_makers(ablation, makers)
        except InputError as error:
            refuse(error)
