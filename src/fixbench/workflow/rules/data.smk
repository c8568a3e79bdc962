# Brings, unpacks and verifies a tracked folder: once for every folder that a job reads, and again
# when its hash changes. The jobs do not mark this input `ancient`: Snakemake 9.27 then overlooks
# their own reasons to run.
rule data:
    input:
        ".fixbench/requests/tracked/{folder}.json",
    output:
        "results/tracked/{folder}.json",
    log:
        "logs/tracked/{folder}.log",
    wildcard_constraints:
        folder=".+",
    # Nodes of a cluster often have no network.
    localrule: True
    message:
        "tracked data: {wildcards.folder}"
    shell:
        "python -m fixbench data pull {wildcards.folder} --record {output} 2>&1 | tee {log} >&2"


# A data draw: generated with its number as the seed, and again when the generator's code changes.
rule draw:
    input:
        ".fixbench/requests/draws/{folder}/{draw}.json",
    output:
        ".fixbench/data/{folder}/{draw}.json",
    log:
        "logs/draws/{folder}/{draw}.log",
    wildcard_constraints:
        folder="[^/]+",
        draw="[0-9]+",
    message:
        "data draw: {wildcards.folder}, {wildcards.draw}"
    shell:
        "python -m fixbench data draw data/{wildcards.folder} --data-seed {wildcards.draw}"
        " 2>&1 | tee {log} >&2"
