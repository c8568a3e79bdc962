"""The pipeline's side of Fixbench: what the Snakefile asks before and between its jobs."""

from fixbench.workflow._checks import check_surroundings as check_surroundings
from fixbench.workflow._checks import left_out as left_out
from fixbench.workflow._checks import unreachable as unreachable
from fixbench.workflow._folders import SNAKEFILE as SNAKEFILE
from fixbench.workflow._folders import check_writable as check_writable
from fixbench.workflow._folders import find_ablations as find_ablations
from fixbench.workflow._folders import new_ablation as new_ablation
from fixbench.workflow._from_command import Asked as Asked
from fixbench.workflow._from_command import new_from_command as new_from_command
from fixbench.workflow._layout import verdict_file as verdict_file
from fixbench.workflow._make import make_plan as make_plan
from fixbench.workflow._plan import Plan as Plan
from fixbench.workflow._repository import init_repository as init_repository
from fixbench.workflow._seeds import plan_seeds as plan_seeds
from fixbench.workflow._seeds import seed_label as seed_label
from fixbench.workflow._settings import CONFIG as CONFIG
from fixbench.workflow._settings import UNTIL_VERDICT as UNTIL_VERDICT
from fixbench.workflow._settings import Settings as Settings
from fixbench.workflow._settings import check_settings as check_settings
from fixbench.workflow._stopping import stop_when_asked as stop_when_asked
