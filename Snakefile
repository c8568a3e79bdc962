# Runs every ablation in ablations/, judges its claims and reports them. Rules of yours may follow.
import fixbench.workflow


# Any key can be given on the command line instead: --config tier=smoke
configfile: "config/config.yaml"


module fixbench_pipeline:
    snakefile:
        fixbench.workflow.SNAKEFILE
    config:
        config


use rule * from fixbench_pipeline


onstart:
    fixbench.workflow.stop_when_asked()
