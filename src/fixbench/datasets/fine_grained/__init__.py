"""Fine-grained classification: readers of three data sets in their own layouts.

``cub``, Caltech-UCSD Birds-200-2011 (Wah et al., CNS-TR-2011-001, and its README)::

    classes.txt                 class id from 1, name
    images.txt                  image id, path below images/
    image_class_labels.txt      image id, class id
    train_test_split.txt        image id, 1 (training) or 0 (test)
    bounding_boxes.txt          optional: image id, x, y, width, height
    parts/parts.txt             optional: part id from 1, name
    parts/part_locs.txt         optional: image id, part id, x, y, 1 (visible) or 0
    images/001.Name/File.jpg

``cars``, Stanford Cars (Krause et al., 3dRR 2013, and the README of its devkit). A ``.mat`` file
lies in ``devkit/`` or beside it::

    cars_meta.mat                       class_names
    cars_train_annos.mat                annotations: bbox_x1, bbox_y1, bbox_x2, bbox_y2, class,
                                        fname
    cars_test_annos_withlabels.mat      the same
    cars_train/00001.jpg, cars_test/00001.jpg

or, where one of these two lists is missing, the form of the whole data set::

    cars_annos.mat                      class_names; annotations with relative_im_path in place of
                                        fname, and test (1: a test image)
    car_ims/000001.jpg

``aircraft``, FGVC-Aircraft (Maji et al., arXiv:1306.5151, and its README). Images end in a banner
of 20 rows, which `load_images` crops. Labels are variants; training is both development sets::

    data/variants.txt                   one name a line
    data/images_variant_trainval.txt    image id, variant; or _train.txt and _val.txt
    data/images_variant_test.txt        the same
    data/images_box.txt                 optional: image id, xmin, ymin, xmax, ymax
    data/images/0034309.jpg             or .png
"""

from fixbench.datasets.fine_grained._part_locations import PartLocations as PartLocations
from fixbench.datasets.fine_grained._part_locations import (
    read_part_locations as read_part_locations,
)
from fixbench.datasets.fine_grained._reader import LAYOUTS as LAYOUTS
from fixbench.datasets.fine_grained._reader import Layout as Layout
from fixbench.datasets.fine_grained._reader import read_fine_grained as read_fine_grained
from fixbench.datasets.fine_grained._samples import BANNER as BANNER
from fixbench.datasets.fine_grained._samples import FineGrained as FineGrained
from fixbench.datasets.fine_grained._samples import Sample as Sample
from fixbench.datasets.fine_grained._samples import load_images as load_images
