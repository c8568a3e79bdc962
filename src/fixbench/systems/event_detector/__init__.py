"""Event-camera detector with attention behind its pyramid (document 002).

Base: Gehrig and Scaramuzza, "Recurrent Vision Transformers for Object Detection with Event
Cameras", CVPR 2023 (code MIT); pyramid, head and loss: Ge et al., "YOLOX" (arXiv 2107.08430).
Re-implemented from papers and recorded facts. The source of the documented attention is not public:
it is built from the document's prose, and what that leaves open is an option.

What of a run can be measured alone stands in `MEASURES`.
"""

from fixbench.systems.event_detector._model import Detector as Detector
from fixbench.systems.event_detector._model import parameter_counts as parameter_counts
from fixbench.systems.event_detector._options import AttentionOptions as AttentionOptions
from fixbench.systems.event_detector._options import ModelOptions as ModelOptions
from fixbench.systems.event_detector._options import published as published
from fixbench.systems.event_detector._run import MEASURES as MEASURES
from fixbench.systems.event_detector._run import run as run
from fixbench.systems.event_detector._run_options import Options as Options
