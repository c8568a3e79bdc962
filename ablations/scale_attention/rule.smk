use rule job as scale_attention with:
    wildcard_constraints:
        ablation="scale_attention",


# Not part of a run: `snakemake --cores 1 recreate_detector` pretrains the detector again and compares.
rule recreate_detector:
    input:
        "results/tracked/checkpoints/event_detector.json",
    output:
        "results/recreated/event_detector/detector.pt",
    log:
        "logs/recreated/event_detector/detector.log",
    message:
        "pretraining the event detector, about five minutes"
    shell:
        "python -m fixbench.systems.event_detector {output} --compare checkpoints/event_detector/detector.pt"
        " 2>&1 | tee {log} >&2"
