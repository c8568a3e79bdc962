"""Multi-task YOWO with scene contexts (document 000).

Base: Yang and Dai, "YOWOv2", 2023 (code MIT); the fork carries no licence. 2D trunk: YOLO11's
published layout; 3D trunk: X3D, Feichtenhofer, CVPR 2020. Re-implemented from papers and documented
facts.

What of a run can be measured alone stands in `MEASURES`.
"""

from fixbench.systems.yowo._model import YOWO as YOWO
from fixbench.systems.yowo._model import Cascade as Cascade
from fixbench.systems.yowo._model import Predictions as Predictions
from fixbench.systems.yowo._model import parameter_counts as parameter_counts
from fixbench.systems.yowo._options import ModelOptions as ModelOptions
from fixbench.systems.yowo._options import SceneContextOptions as SceneContextOptions
from fixbench.systems.yowo._run import MEASURES as MEASURES
from fixbench.systems.yowo._run import run as run
from fixbench.systems.yowo._run_options import Options as Options
