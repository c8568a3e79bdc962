"""Data and checkpoints under version control: what is tracked, whether it is intact, how to get it.

DVC keeps the content of ``data/`` and ``checkpoints/`` out of git and leaves the pointers
``data.dvc`` and ``checkpoints.dvc`` there. The objects lie in a remote inside the repository
(``.dvc/store``), so that a clone is complete without a network. DVC trusts what it has once
stored; `verify` does not, and hashes every file again.
"""

from fixbench.tracking._dvc import pull as pull
from fixbench.tracking._dvc import track as track
from fixbench.tracking._pointers import FOLDERS as FOLDERS
from fixbench.tracking._pointers import tracked_files as tracked_files
from fixbench.tracking._pointers import tracked_hash as tracked_hash
from fixbench.tracking._verification import verify as verify
