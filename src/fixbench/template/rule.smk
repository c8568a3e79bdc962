use rule job as __NAME__ with:
    input:
        unpack(job_input("__NAME__")),
    output:
        results="results/__NAME__/{tier}/{variant}/{block}.parquet",
        state="results/__NAME__/{tier}/{variant}/{block}.state",
        provenance="logs/__NAME__/{tier}/{variant}/{block}.provenance.json",
    log:
        "logs/__NAME__/{tier}/{variant}/{block}.log",
    benchmark:
        "logs/__NAME__/{tier}/{variant}/{block}.tsv"
    priority: job_priority("__NAME__")
    params:
        ablation="__NAME__",
