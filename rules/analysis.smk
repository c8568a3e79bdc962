rule analyse:
    input:
        ablation=PLAN.folder / "{ablation}" / "ablation.yaml",
        results=lambda wildcards: PLAN.results(wildcards.ablation),
    output:
        "results/{ablation}/{tier}/claims.json",
    log:
        "logs/{ablation}/{tier}/analyse.log",
    params:
        folder=PLAN.folder,
        code=package_hash(
            "statistics",
            "analysis.py",
            "ablation.py",
            "reachability.py",
            "results.py",
        ),
    message:
        "{wildcards.ablation}: verdicts"
    shell:
        "python -m fixbench analyse {wildcards.ablation} --tier {wildcards.tier}"
        " --ablations {params.folder} --results {input.results} --claims {output} 2>&1 | tee {log} >&2"


rule report:
    input:
        ablation=PLAN.folder / "{ablation}" / "ablation.yaml",
        results=lambda wildcards: PLAN.results(wildcards.ablation),
        provenance=lambda wildcards: PLAN.provenance(wildcards.ablation),
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
        code=package_hash("reports", "analysis.py", "statistics"),
    message:
        "the table of all claims"
    shell:
        "python -m fixbench claims {input} --directory {params.reports}"
        " --reference {params.reference} 2>&1 | tee {log} >&2"
