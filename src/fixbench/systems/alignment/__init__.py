"""Video alignment with a learnable progress head (document 004).

Paper: Donahue & Elhamifar, "Learning to Predict Activity Progress by Self-Supervised Video
Alignment", CVPR 2024, whose code a fork extends by the head; neither carries a licence.
Re-implemented from the papers and documented facts about commit 238da93 of the fork.

What of a run can be measured alone stands in `MEASURES`.
"""

from fixbench.systems.alignment._drop import DROP_WIDTHS as DROP_WIDTHS
from fixbench.systems.alignment._drop import DropNetwork as DropNetwork
from fixbench.systems.alignment._encoder import CONV3D as CONV3D
from fixbench.systems.alignment._encoder import LIGHT as LIGHT
from fixbench.systems.alignment._encoder import Encoder as Encoder
from fixbench.systems.alignment._encoder import EncoderOptions as EncoderOptions
from fixbench.systems.alignment._loop import PUBLISHED_KAPPA as PUBLISHED_KAPPA
from fixbench.systems.alignment._loop import AlignmentModel as AlignmentModel
from fixbench.systems.alignment._loop import Trainer as Trainer
from fixbench.systems.alignment._loop import Update as Update
from fixbench.systems.alignment._options import Options as Options
from fixbench.systems.alignment._progress import PROGRESS as PROGRESS
from fixbench.systems.alignment._progress import ProgressHead as ProgressHead
from fixbench.systems.alignment._progress import ProgressOptions as ProgressOptions
from fixbench.systems.alignment._run import MEASURES as MEASURES
from fixbench.systems.alignment._run import run as run
