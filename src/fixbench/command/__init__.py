"""Any program as a system: started in the shell once a seed, it leaves its metrics in a file.

Its options reach it through the placeholders of the command; its metrics are read from a table that
it writes to ``{output}``, or where the ablation's ``metrics_from`` says.
"""

from fixbench.command._check import check_command
from fixbench.command._options import option_text, options_text, override
from fixbench.command._placeholders import BUILT_IN, fill_in, fill_path, placeholders
from fixbench.command._run import run_command

__all__ = [
    "BUILT_IN",
    "check_command",
    "fill_in",
    "fill_path",
    "option_text",
    "options_text",
    "override",
    "placeholders",
    "run_command",
]
