use rule job as lambda_rescaling with:
    input:
        unpack(job_input("lambda_rescaling")),
    output:
        results="results/lambda_rescaling/{tier}/{variant}/{block}.parquet",
        state="results/lambda_rescaling/{tier}/{variant}/{block}.state",
        provenance="logs/lambda_rescaling/{tier}/{variant}/{block}.provenance.json",
    log:
        "logs/lambda_rescaling/{tier}/{variant}/{block}.log",
    benchmark:
        "logs/lambda_rescaling/{tier}/{variant}/{block}.tsv"
    priority: job_priority("lambda_rescaling")
    params:
        ablation="lambda_rescaling",
