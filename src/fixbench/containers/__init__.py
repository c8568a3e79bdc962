"""One command in one image: engines, images, GPUs, mounts and limits.

Knows nothing of ablations.
"""

from fixbench.containers._engine import ENGINES as ENGINES
from fixbench.containers._engine import Engine as Engine
from fixbench.containers._engine import EngineName as EngineName
from fixbench.containers._engine import Invocation as Invocation
from fixbench.containers._engine import Limits as Limits
from fixbench.containers._engine import Mount as Mount
from fixbench.containers._engine import Runtime as Runtime
from fixbench.containers._engine import find_engine as find_engine
from fixbench.containers._gpu import lease_gpus as lease_gpus
from fixbench.containers._gpu import list_gpus as list_gpus
from fixbench.containers._image import ImageSpec as ImageSpec
from fixbench.containers._image import build_image as build_image
from fixbench.containers._image import check_image as check_image
from fixbench.containers._image import image_spec as image_spec
from fixbench.containers._image import write_image_lock as write_image_lock
from fixbench.containers._image import write_spec as write_spec
from fixbench.containers._launch import launch as launch
