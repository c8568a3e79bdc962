# The code that verdicts and reports depend on. What reports alone need changes no verdict.
VERDICTS = room_hash("analysis", without=["determinism", "provenance", "reports"])
REPORTS = room_hash("analysis", without=["calibration", "job"])


checkpoint look:
    input:
        ablation=claim_files,
        results=lambda wildcards: PLAN.results(wildcards.ablation, int(wildcards.look)),
        provenance=lambda wildcards: PLAN.provenance(
            wildcards.ablation, int(wildcards.look)
        ),
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
        "python -m fixbench look {wildcards.ablation:q} --tier {wildcards.tier}"
        " --ablations {params.folder:q} --results {input.results:q}"
        " --provenance {input.provenance:q} --looks {params.looks}"
        " --decision {output:q} 2>&1 | tee {log:q} >&2"


rule analyse:
    input:
        ablation=claim_files,
        results=judged_results,
        provenance=judged_records,
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
        "python -m fixbench analyse {wildcards.ablation:q} --tier {wildcards.tier}"
        " --ablations {params.folder:q} --results {input.results:q}"
        " --provenance {input.provenance:q} {params.looks}"
        " --claims {output:q} 2>&1 | tee {log:q} >&2"


rule report:
    input:
        ablation=lambda wildcards: PLAN.ablation_files(
            wildcards.ablation, findings=True
        ),
        results=judged_results,
        provenance=judged_records,
        claims=f"results/{{ablation}}/{PLAN.tier}/claims.json",
        # Where somebody has asked for it.
        determinism=lambda wildcards: PLAN.determinism(wildcards.ablation),
    output:
        shown(PLAN.pages(), "captions/page.rst", "{ablation}"),
    log:
        f"logs/{{ablation}}/{PLAN.tier}/report.log",
    params:
        tier=PLAN.tier,
        folder=PLAN.folder,
        reports=PLAN.reports,
        floor=lambda wildcards, input: (
            shlex.join(["--determinism", *input.determinism])
            if input.determinism
            else ""
        ),
        code=REPORTS,
    message:
        "{wildcards.ablation}: report"
    shell:
        "python -m fixbench report {wildcards.ablation:q} --tier {params.tier}"
        " --ablations {params.folder:q} --results {input.results:q} --provenance {input.provenance:q}"
        " --claims {input.claims:q} {params.floor} --directory {params.reports:q} 2>&1 | tee {log:q} >&2"


rule claims:
    input:
        verdicts=PLAN.all_verdicts(),
        ablations=PLAN.judged_files(),
    output:
        shown(PLAN.claim_pages(), "captions/overview.rst", "All ablations"),
    log:
        f"logs/claims.{PLAN.tier}.log",
    params:
        tier=PLAN.tier,
        folder=PLAN.folder,
        reports=PLAN.reports,
        reference=f"reports/reference/{PLAN.tier}/claims.json",
        code=REPORTS,
    message:
        "the table of all claims"
    shell:
        "python -m fixbench claims {input.verdicts:q} --tier {params.tier}"
        " --ablations {params.folder:q} --directory {params.reports:q}"
        " --reference {params.reference:q} 2>&1 | tee {log:q} >&2"
