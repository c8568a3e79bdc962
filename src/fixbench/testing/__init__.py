"""Checks for systems, also for those that are not part of Fixbench.

`check_system` runs a system several times on a small case and says which promise it breaks. In a
test of your own:

    from fixbench.testing import check_system

    def test_my_system(tmp_path):
        check_system(my_system, {"training": {"steps": 6}}, root=tmp_path, inputs=["data/mine"])

Beside it stand the doubles that tests of systems need.
"""

from fixbench.testing._check import SystemCheck as SystemCheck
from fixbench.testing._check import SystemCheckError as SystemCheckError
from fixbench.testing._check import check_system as check_system
from fixbench.testing._doubles import Interrupted as Interrupted
from fixbench.testing._doubles import InterruptingCheckpointer as InterruptingCheckpointer
from fixbench.testing._doubles import MemoryCheckpointer as MemoryCheckpointer
from fixbench.testing._doubles import make_context as make_context
from fixbench.testing._file_access import reading_only as reading_only
