"""What detectors share: boxes, cells of a grid, and SimOTA's matching of cells with boxes.

Only what has one formula in every system is here; a system's own rules stay with it.
"""

from fixbench.detection._boxes import area as area
from fixbench.detection._boxes import giou as giou
from fixbench.detection._boxes import iou_matrix as iou_matrix
from fixbench.detection._boxes import paired_iou as paired_iou
from fixbench.detection._boxes import suppress as suppress
from fixbench.detection._cells import cell_centres as cell_centres
from fixbench.detection._cells import decode_boxes as decode_boxes
from fixbench.detection._matching import Assignment as Assignment
from fixbench.detection._matching import class_cost as class_cost
from fixbench.detection._matching import match as match
