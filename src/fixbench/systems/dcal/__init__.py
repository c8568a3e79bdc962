"""Dual cross-attention learning (document 001), and its learning rate.

Method: Zhu et al., "Dual cross-attention learning for fine-grained visual categorization and object
re-identification", CVPR 2022 (arXiv 2205.02151), which published no code. The documented code
carries no licence. Re-implemented from the paper and documented facts.

What of a run can be measured alone stands in `MEASURES`.
"""

from fixbench.systems.dcal._model import DualCrossAttention as DualCrossAttention
from fixbench.systems.dcal._model import build_model as build_model
from fixbench.systems.dcal._options import ModelOptions as ModelOptions
from fixbench.systems.dcal._options import Options as Options
from fixbench.systems.dcal._run import MEASURES as MEASURES
from fixbench.systems.dcal._run import run as run
