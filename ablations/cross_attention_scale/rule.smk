use rule job as cross_attention_scale with:
    wildcard_constraints:
        ablation="cross_attention_scale",


# Not part of a run: `snakemake --cores 1 recreate_towers` pretrains the towers again and compares.
rule recreate_towers:
    input:
        "results/tracked/checkpoints/aa_clip.json",
    output:
        "results/recreated/aa_clip/towers.pt",
    log:
        "logs/recreated/aa_clip/towers.log",
    message:
        "pretraining the towers of AA-CLIP, about half an hour"
    shell:
        "python -m fixbench.systems.aa_clip {output} --compare checkpoints/aa_clip/towers.pt"
        " 2>&1 | tee {log} >&2"
