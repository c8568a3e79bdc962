"""What ran on what: the record of a job, and hashes of the code that a file depends on."""

from fixbench.provenance._hashes import code_hash as code_hash
from fixbench.provenance._hashes import file_hash as file_hash
from fixbench.provenance._hashes import lock_files as lock_files
from fixbench.provenance._hashes import module_hash as module_hash
from fixbench.provenance._hashes import room_hash as room_hash
from fixbench.provenance._record import Stopwatch as Stopwatch
from fixbench.provenance._record import git_state as git_state
from fixbench.provenance._record import library_versions as library_versions
from fixbench.provenance._record import read_provenance as read_provenance
from fixbench.provenance._record import record as record
