# One job: one variant of an ablation, for one block of seeds. The rule in ablations/<name>/rule.smk
# inherits from this one; an ablation whose folder has no rule is run by this one itself.
rule job:
    input:
        unpack(job_input),
    output:
        results="results/{ablation}/{tier}/{variant}/{block}.parquet",
        state="results/{ablation}/{tier}/{variant}/{block}.state",
        provenance="logs/{ablation}/{tier}/{variant}/{block}.provenance.json",
    log:
        "logs/{ablation}/{tier}/{variant}/{block}.log",
    # Two rules must not make the same file.
    wildcard_constraints:
        ablation=one_of(PLAN.without_rule()),
    priority: lambda wildcards: PLAN.priority(wildcards.ablation, wildcards.variant, wildcards.block)
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
        gpu=0,
        processes=256,
    params:
        # Where the job runs: nothing for this environment, or the launcher of its container.
        run=lambda wildcards, input, output, threads, resources: PLAN.launcher(
            wildcards.ablation,
            list(input),
            list(output),
            {**dict(resources.items()), "threads": threads},
        ),
        device=PLAN.device,
        folder=PLAN.folder,
        parent=lambda wildcards, input: (
            shlex.join(["--parent", input.parent]) if "parent" in input.keys() else ""
        ),
    message:
        "{wildcards.ablation}: {wildcards.variant}, seeds {wildcards.block}"
    shell:
        "{params.run} python -m fixbench run {wildcards.ablation:q} {wildcards.variant:q}"
        " --seeds {wildcards.block} --tier {wildcards.tier} --device {params.device}"
        " --threads {threads} --ablations {params.folder:q} {params.parent}"
        " --output {output.results:q} --state {output.state:q}"
        " --provenance {output.provenance:q} 2>&1 | tee {log:q} | sed -u '\\~^  | ~d' >&2"
