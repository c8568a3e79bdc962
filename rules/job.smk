# The rule that ablations/<name>/rule.smk inherits from, which adds input, output and the name.
rule job:
    output:
        results=".fixbench/job/{variant}/{block}.parquet",
        state=".fixbench/job/{variant}/{block}.state",
        provenance=".fixbench/job/{variant}/{block}.json",
    log:
        ".fixbench/job/{variant}/{block}.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
        processes=256,
    params:
        # Where the job runs: nothing for this environment, or the launcher of its container.
        run=lambda wildcards, input, output, threads, resources: PLAN.launcher(
            list(input), list(output), {**dict(resources.items()), "threads": threads}
        ),
        ablation="",
        tier=PLAN.tier,
        device=PLAN.device,
        folder=PLAN.folder,
        parent=lambda wildcards, input: (
            f"--parent {input.parent}" if "parent" in input.keys() else ""
        ),
    message:
        "{params.ablation}: {wildcards.variant}, seeds {wildcards.block}"
    shell:
        "{params.run} python -m fixbench run {params.ablation} {wildcards.variant} --seeds {wildcards.block}"
        " --tier {params.tier} --device {params.device} --threads {threads}"
        " --ablations {params.folder} {params.parent} --output {output.results}"
        " --state {output.state} --provenance {output.provenance} 2>&1 | tee {log} >&2"
