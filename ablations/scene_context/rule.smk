use rule job as scene_context with:
    wildcard_constraints:
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
