"""Action Genome: the reader of its annotation format.

Format: Ji et al., "Action Genome: Actions as Compositions of Spatio-temporal Scene Graphs", CVPR
2020, and the README of its repository; actions: Charades (Sigurdsson et al., ECCV 2016). A folder
holds

    annotations/object_bbox_and_relationship.pkl  key → objects: class, bbox (x, y, width, height)
                                                  or None, relations by kind or None, visible,
                                                  metadata with the set
    annotations/person_bbox.pkl                   key → bbox (x1, y1, x2, y2) [k, 4], bbox_size
    annotations/object_classes.txt                36 names, the person first
    annotations/relationship_classes.txt          26 names: 3 attention, 6 spatial, 17 contacting
    annotations/Charades_v1_train.csv, …_test.csv id, actions ("c092 11.90 21.20;c147 0.00 12.60")
    annotations/video_fps.json                    optional: video → frames a second
    annotations/frame_details.json                optional, Fixbench's own: key → subset, and the
                                                  actions of each person, which the format does
                                                  not tell apart
    frames/001YG.mp4/000089.png                   the picture of the key "001YG.mp4/000089.png"

A frame is used by STTran's rule (Cong et al., ICCV 2021): it has a person's box and a visible
object, and its video has more than two such frames. Reading a pickle runs nothing that is in it.
"""

from fixbench.datasets.action_genome._classes import ACTION_COUNT as ACTION_COUNT
from fixbench.datasets.action_genome._classes import OBJECT_CLASSES as OBJECT_CLASSES
from fixbench.datasets.action_genome._classes import RELATION_CLASSES as RELATION_CLASSES
from fixbench.datasets.action_genome._classes import RELATION_KINDS as RELATION_KINDS
from fixbench.datasets.action_genome._frame import SceneFrame as SceneFrame
from fixbench.datasets.action_genome._reader import ActionGenome as ActionGenome
from fixbench.datasets.action_genome._reader import read_action_genome as read_action_genome
