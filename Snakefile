configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/job.smk"
include: "rules/analysis.smk"


for path in PLAN.rules():

    include: path


check_rules()


rule all:
    default_target: True
    input:
        PLAN.targets(),
        # Snakemake does not miss a deleted file from which nothing is to be made.
        lambda wildcards: [
            path
            for ablation in PLAN.ablations
            for path in PLAN.results(ablation, blocks(ablation))
        ],
