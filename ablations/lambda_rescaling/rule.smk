use rule job as lambda_rescaling with:
    wildcard_constraints:
        ablation="lambda_rescaling",
