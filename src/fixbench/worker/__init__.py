"""A warm worker: jobs of one pipeline run start as copies of a process that has imported torch.

A job spends some four seconds of processor time on imports before its first step. `run_warm` hands
the job's command line to a server on the same machine, which forks; the copy runs the command as
`python -m fixbench` would. Wherever that is not possible, the caller runs the command itself.

Nothing here is needed for a result: with and without a worker a job writes the same bytes.
"""

from fixbench.worker._client import OWNER as OWNER
from fixbench.worker._client import WORKER as WORKER
from fixbench.worker._client import run_warm as run_warm
from fixbench.worker._watch import end_with as end_with
