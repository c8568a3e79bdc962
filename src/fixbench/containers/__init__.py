"""One command in one image: engines, images, GPUs, mounts and limits.

Knows nothing of ablations. README.md beside this file says what a job sees and why.
"""

from fixbench.containers._engine import Engine as Engine
from fixbench.containers._engines import ENGINES as ENGINES
from fixbench.containers._engines import EngineName as EngineName
from fixbench.containers._engines import Runtime as Runtime
from fixbench.containers._engines import find_engine as find_engine
from fixbench.containers._gpu import lease_gpus as lease_gpus
from fixbench.containers._gpu import list_gpus as list_gpus
from fixbench.containers._image import build_image as build_image
from fixbench.containers._image import check_image as check_image
from fixbench.containers._invocation import Invocation as Invocation
from fixbench.containers._invocation import Limits as Limits
from fixbench.containers._invocation import Mount as Mount
from fixbench.containers._launch import launch as launch
from fixbench.containers._mounts import CODE as CODE
from fixbench.containers._spec import ImageSpec as ImageSpec
from fixbench.containers._spec import image_spec as image_spec
from fixbench.containers._spec import write_image_lock as write_image_lock
from fixbench.containers._spec import write_spec as write_spec
