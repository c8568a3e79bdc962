use rule job as progress_rescaling with:
    input:
        unpack(job_input("progress_rescaling")),
    output:
        results="results/progress_rescaling/{tier}/{variant}/{block}.parquet",
        state="results/progress_rescaling/{tier}/{variant}/{block}.state",
        provenance="logs/progress_rescaling/{tier}/{variant}/{block}.provenance.json",
    log:
        "logs/progress_rescaling/{tier}/{variant}/{block}.log",
    benchmark:
        "logs/progress_rescaling/{tier}/{variant}/{block}.tsv"
    priority: job_priority("progress_rescaling")
    params:
        ablation="progress_rescaling",
