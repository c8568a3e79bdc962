use rule job as scene_context with:
    input:
        unpack(job_input("scene_context")),
    output:
        results="results/scene_context/{tier}/{variant}/{block}.parquet",
        state="results/scene_context/{tier}/{variant}/{block}.state",
        provenance="logs/scene_context/{tier}/{variant}/{block}.provenance.json",
    log:
        "logs/scene_context/{tier}/{variant}/{block}.log",
    benchmark:
        "logs/scene_context/{tier}/{variant}/{block}.tsv"
    priority: job_priority("scene_context")
    params:
        ablation="scene_context",


# Not part of a run: `snakemake --cores 1 recreate_trunk` pretrains the model again and compares.
rule recreate_trunk:
    input:
        "results/tracked/data/yowo.json",
        "results/tracked/checkpoints/yowo.json",
    output:
        trunk="results/recreated/yowo/trunk.pt",
        features="results/recreated/yowo/features.pt",
    log:
        "logs/recreated/yowo/trunk.log",
    message:
        "pretraining the model of the scene contexts, about ten minutes"
    shell:
        "python -m fixbench.systems.yowo results/recreated/yowo --compare checkpoints/yowo"
        " 2>&1 | tee {log} >&2"
