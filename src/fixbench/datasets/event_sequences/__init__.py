"""Event sequences of Prophesee's 1 Mpx data set (Gen4) and of eTraM, as RVT preprocesses them.

The layout that RVT (Gehrig and Scaramuzza, CVPR 2023) writes and reads, for each sequence::

    SPLIT/NAME/event_representations_v2/stacked_histogram_dt=50_nbins=10/
        event_representations.h5        data: uint8 [frames, 20, rows, columns]
        objframe_idx_2_repr_idx.npy     the frame of each labelled frame
        timestamps_us.npy               the end of each frame, µs
    SPLIT/NAME/labels_v2/
        labels.npz                      labels: boxes; objframe_idx_2_label_idx: where the boxes of
                                        each labelled frame begin
        timestamps_us.npy               of each labelled frame, µs

``SPLIT`` is ``train``, ``val`` or ``test``. Where frames are stored at half size, the file is
``event_representations_ds2_nearest.h5``; boxes are stored at full size.

The layout does not name classes. `read_event_sequences` takes their names from the file
``class_names.txt`` beside the splits, one a line, and without it those of eTraM. A folder of Gen4
needs the file, with the lines of `GEN4_CLASSES`.

RVT compresses ``data`` with Blosc. Reading that needs the package ``hdf5plugin``, which is not
installed by default.

`read_events` and `stacked_histogram` make frames from raw recordings; `keep_labels` is RVT's choice
of labels.
"""

from fixbench.datasets.event_sequences._events import Events as Events
from fixbench.datasets.event_sequences._events import read_events as read_events
from fixbench.datasets.event_sequences._filters import crop_to_frame as crop_to_frame
from fixbench.datasets.event_sequences._filters import keep_labels as keep_labels
from fixbench.datasets.event_sequences._histogram import BINS as BINS
from fixbench.datasets.event_sequences._histogram import CHANNELS as CHANNELS
from fixbench.datasets.event_sequences._histogram import LARGEST_COUNT as LARGEST_COUNT
from fixbench.datasets.event_sequences._histogram import WINDOW_US as WINDOW_US
from fixbench.datasets.event_sequences._histogram import stacked_histogram as stacked_histogram
from fixbench.datasets.event_sequences._histogram import stacked_histograms as stacked_histograms
from fixbench.datasets.event_sequences._reader import read_event_sequences as read_event_sequences
from fixbench.datasets.event_sequences._sequence import BOX_TYPE as BOX_TYPE
from fixbench.datasets.event_sequences._sequence import ETRAM_CLASSES as ETRAM_CLASSES
from fixbench.datasets.event_sequences._sequence import GEN4_CLASSES as GEN4_CLASSES
from fixbench.datasets.event_sequences._sequence import Sequence as Sequence
from fixbench.datasets.event_sequences._sequence import Split as Split
from fixbench.datasets.event_sequences._writer import write_event_sequences as write_event_sequences
