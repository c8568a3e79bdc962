"""Training: what a run is handed, seeds and determinism, interruption, failures."""

from fixbench.training._checkpointer import FileCheckpointer as FileCheckpointer
from fixbench.training._checkpointer import load_state as load_state
from fixbench.training._checkpointer import save_state as save_state
from fixbench.training._context import Checkpointer as Checkpointer
from fixbench.training._context import Diverged as Diverged
from fixbench.training._context import Failed as Failed
from fixbench.training._context import Outcome as Outcome
from fixbench.training._context import RunContext as RunContext
from fixbench.training._context import System as System
from fixbench.training._determinism import make_deterministic as make_deterministic
