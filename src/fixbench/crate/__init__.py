"""A run as a Workflow Run RO-Crate: a folder that other programs read.

``ro-crate-metadata.json`` describes, in the terms of the `Workflow Run Crate`_ profile 0.5 over
RO-Crate 1.1, the workflow, each job from its provenance record, inputs, outputs with their SHA-256,
software versions, licence and authors. What is not recorded, such as who started the run, is left
out. The metadata are plain JSON-LD, so that nothing but this module is needed to write them.

.. _Workflow Run Crate: https://w3id.org/ro/wfrun/workflow/0.5
"""

from fixbench.crate._export import write_crate
from fixbench.crate._run import Run, published_run, read_run

__all__ = ["Run", "published_run", "read_run", "write_crate"]
