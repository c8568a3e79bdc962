import shlex
import sys
from pathlib import Path

from fixbench.errors import InputError
from fixbench.provenance import package_hash
from fixbench.workflow import make_plan

# `--sdm apptainer`: Snakemake itself runs every job in the image that `container:` names.
CONTAINED = any(
    method.name.lower() == "apptainer"
    for method in workflow.deployment_settings.deployment_method
)

try:
    PLAN = make_plan(config, contained=CONTAINED)
    IMAGE = PLAN.container(contained=CONTAINED)
except InputError as error:
    print(f"fixbench: error: {error}", file=sys.stderr)
    sys.exit(2)

if PLAN.engine is None and config.get("runtime", "auto") == "auto" and not CONTAINED:
    print(
        "fixbench: no container engine answers: jobs run in this environment",
        file=sys.stderr,
    )

# What a container cannot see of where its job runs; braces are doubled for the shell command.
RECORD = PLAN.contained_record(IMAGE).replace("{", "{{").replace("}", "}}")

for line in PLAN.warnings():
    print(f"fixbench: {line}", file=sys.stderr)

# One process per core: a second thread is slower here, and changes the last bits of the results.
# The interpreter that runs Snakemake runs the jobs too, activated or not (outside containers).
shell.prefix(
    "set -euo pipefail; export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 DVC_NO_ANALYTICS=1 "
    + (
        f"PYTHONPATH=$PWD/src FIXBENCH_LAUNCH={shlex.quote(RECORD)}; "
        if CONTAINED
        else f"PATH={Path(sys.executable).parent}:$PATH; "
    )
)


# The files of an ablation that is left out are what they are: nothing here makes them.
wildcard_constraints:
    ablation="|".join(PLAN.ablations),
    tier=PLAN.tier,
    block=r"[0-9,-]+",
    look=r"[0-9]+",


# Inert without `--sdm apptainer`.
container: IMAGE


def job_input(ablation):
    """What a job of ``ablation`` reads, as an input function."""
    return lambda wildcards: PLAN.job_files(
        ablation, wildcards.variant, wildcards.block
    )


def job_priority(ablation):
    """Variants that others start from go first."""
    return lambda wildcards: PLAN.priority(ablation, wildcards.variant)


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
