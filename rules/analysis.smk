# What verdicts depend on besides the results and the ablation file.
VERDICTS = package_hash(
    "statistics", "verdicts", "analysis.py", "ablation.py", "results.py"
)


checkpoint look:
    input:
        ablation=PLAN.folder / "{ablation}" / "ablation.yaml",
        results=lambda wildcards: PLAN.results(wildcards.ablation, int(wildcards.look)),
    output:
        "results/{ablation}/{tier}/look-{look}.json",
    log:
        "logs/{ablation}/{tier}/look-{look}.log",
    params:
        folder=PLAN.folder,
        looks=lambda wildcards: PLAN.looks(wildcards.ablation),
        code=VERDICTS,
    message:
        "{wildcards.ablation}: look {wildcards.look}"
    shell:
        "python -m fixbench look {wildcards.ablation} --tier {wildcards.tier}"
        " --ablations {params.folder} --results {input.results} --looks {params.looks}"
        " --decision {output} 2>&1 | tee {log} >&2"


rule analyse:
    input:
        ablation=PLAN.folder / "{ablation}" / "ablation.yaml",
        results=lambda wildcards: PLAN.results(
            wildcards.ablation, blocks(wildcards.ablation)
        ),
        # So that the verdicts of one kind of run are never taken for those of the other.
        decision=lambda wildcards: PLAN.decision(
            wildcards.ablation, blocks(wildcards.ablation)
        ),
    output:
        "results/{ablation}/{tier}/claims.json",
    log:
        "logs/{ablation}/{tier}/analyse.log",
    params:
        folder=PLAN.folder,
        looks=lambda wildcards: (
            f"--looks {PLAN.looks(wildcards.ablation)}"
            if PLAN.looks(wildcards.ablation)
            else f"--unadjusted-looks {PLAN.unadjusted_looks(wildcards.ablation)}"
        ),
        code=VERDICTS,
    message:
        "{wildcards.ablation}: verdicts"
    shell:
        "python -m fixbench analyse {wildcards.ablation} --tier {wildcards.tier}"
        " --ablations {params.folder} --results {input.results} {params.looks}"
        " --claims {output} 2>&1 | tee {log} >&2"


rule report:
    input:
        ablation=PLAN.folder / "{ablation}" / "ablation.yaml",
        results=lambda wildcards: PLAN.results(
            wildcards.ablation, blocks(wildcards.ablation)
        ),
        provenance=lambda wildcards: PLAN.provenance(
            wildcards.ablation, blocks(wildcards.ablation)
        ),
        claims=f"results/{{ablation}}/{PLAN.tier}/claims.json",
        # Where somebody has asked for it.
        determinism=lambda wildcards: PLAN.determinism(wildcards.ablation),
    output:
        expand(
            "{reports}/{{ablation}}.{suffix}",
            reports=PLAN.reports,
            suffix=["html", "tex", "pdf"],
        ),
    log:
        f"logs/{{ablation}}/{PLAN.tier}/report.log",
    params:
        tier=PLAN.tier,
        folder=PLAN.folder,
        reports=PLAN.reports,
        floor=lambda wildcards, input: (
            f"--determinism {input.determinism}" if input.determinism else ""
        ),
        code=package_hash("reports", "analysis.py", "determinism.py", "provenance.py"),
    message:
        "{wildcards.ablation}: report"
    shell:
        "python -m fixbench report {wildcards.ablation} --tier {params.tier}"
        " --ablations {params.folder} --results {input.results} --provenance {input.provenance}"
        " --claims {input.claims} {params.floor} --directory {params.reports} 2>&1 | tee {log} >&2"


rule claims:
    input:
        PLAN.all_verdicts(),
    output:
        expand(
            "{reports}/claims.{suffix}", reports=PLAN.reports, suffix=["json", "csv"]
        ),
    log:
        f"logs/claims.{PLAN.tier}.log",
    params:
        reports=PLAN.reports,
        reference=f"reports/reference/{PLAN.tier}/claims.json",
        code=package_hash("reports", "analysis.py", "statistics", "verdicts"),
    message:
        "the table of all claims"
    shell:
        "python -m fixbench claims {input} --directory {params.reports}"
        " --reference {params.reference} 2>&1 | tee {log} >&2"
