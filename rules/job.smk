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
    params:
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
        "python -m fixbench run {params.ablation} {wildcards.variant} --seeds {wildcards.block}"
        " --tier {params.tier} --device {params.device} --threads {threads}"
        " --ablations {params.folder} {params.parent} --output {output.results}"
        " --state {output.state} --provenance {output.provenance} 2>&1 | tee {log} >&2"
