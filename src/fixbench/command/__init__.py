"""Any program as a system: started in the shell once a seed, it leaves its metrics in a file.

Its options reach it through the placeholders of the command; its metrics are read from a table that
it writes to ``{output}``, or where the ablation's ``metrics_from`` says. What is known of a command
without running it needs no library that reads tables.
"""

from typing import TYPE_CHECKING

from fixbench.lazy import lazy_names

if TYPE_CHECKING:
    from fixbench.command._check import check_command as check_command
    from fixbench.command._options import option_text as option_text
    from fixbench.command._options import options_text as options_text
    from fixbench.command._options import override as override
    from fixbench.command._placeholders import BUILT_IN as BUILT_IN
    from fixbench.command._placeholders import fill_in as fill_in
    from fixbench.command._placeholders import fill_path as fill_path
    from fixbench.command._placeholders import placeholders as placeholders
    from fixbench.command._run import run_command as run_command
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "_check": ["check_command"],
            "_options": ["option_text", "options_text", "override"],
            "_placeholders": ["BUILT_IN", "fill_in", "fill_path", "placeholders"],
            "_run": ["run_command"],
        },
    )
