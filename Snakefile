configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/job.smk"
include: "rules/analysis.smk"


for path in PLAN.rules():

    include: path


rule all:
    default_target: True
    input:
        PLAN.targets(),
