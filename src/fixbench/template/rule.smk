# The shared rule `job`, with what differs. Any part of it can be given here; `resources`
# replaces all of the shared ones, which are these.
use rule job as __NAME__ with:
    wildcard_constraints:
        ablation="__NAME__",
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
        processes=256,
