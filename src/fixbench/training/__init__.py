"""Training: what a run is given, and what all runs need.

One page on how a run goes, and what a system must do and must not do: README.md beside this file.
"""

from fixbench.training._batches import first_of_each as first_of_each
from fixbench.training._batches import shuffled_batches as shuffled_batches
from fixbench.training._checkpointer import FileCheckpointer as FileCheckpointer
from fixbench.training._checkpointer import load_state as load_state
from fixbench.training._checkpointer import save_state as save_state
from fixbench.training._clock import Clock as Clock
from fixbench.training._clock import TimeLimitError as TimeLimitError
from fixbench.training._comparison import compare_state_files as compare_state_files
from fixbench.training._context import Checkpointer as Checkpointer
from fixbench.training._context import Diverged as Diverged
from fixbench.training._context import Failed as Failed
from fixbench.training._context import Outcome as Outcome
from fixbench.training._context import RunContext as RunContext
from fixbench.training._context import System as System
from fixbench.training._determinism import make_deterministic as make_deterministic
from fixbench.training._evaluations import Window as Window
from fixbench.training._evaluations import steps_at as steps_at
from fixbench.training._evaluations import steps_evenly as steps_evenly
from fixbench.training._optimisation import relative_displacement as relative_displacement
from fixbench.training._optimisation import warm_up_then_cosine as warm_up_then_cosine
from fixbench.training._options import StrictOptions as StrictOptions
from fixbench.training._packing import pack_weights as pack_weights
from fixbench.training._packing import unpack_weights as unpack_weights
from fixbench.training._session import Session as Session
from fixbench.training._session import as_rows as as_rows
from fixbench.training._session import check_measure as check_measure
from fixbench.training._streams import Streams as Streams
from fixbench.training._streams import generator as generator
from fixbench.training._streams import numpy_generator as numpy_generator
from fixbench.training._streams import seeded as seeded
from fixbench.training._streams import seeded_with as seeded_with
