"""Data and checkpoints under version control: what is tracked, is it intact, how to get it.

Git keeps two pointers, ``data.dvc`` and ``checkpoints.dvc``, in DVC's format: the path, the size
and the MD5 of each tracked file. The content of these files lies in a remote inside the
repository, ``.dvc/store``, so that a clone is complete without a network.

A data set travels as one archive, ``data/NAME.zip``, and is unpacked once to the folder
``data/NAME``, where jobs read it. A checkpoint is one large file and travels as it is.

Why it is done this way:

- One archive a data set, and not one object a file: the data sets have 3,469 files. As objects they
  made up 90 % of the files of a clone.
- Unpacked, and not read in place: readers of real formats open files by path. They read the small
  data sets and the published ones with the same code.
- Zip, stored and not compressed, with sorted names and without times: the same files give the same
  bytes on every machine. Bytes of deflate differ between builds of zlib, and git compresses anyway.
- File outputs, and not a folder: DVC calls what it finds in a tracked folder foreign. Beside a
  tracked file it may lie, so ``dvc status`` is clean before and after unpacking.

For what ``.dvc/store`` holds, `pull` needs neither DVC nor git; ``dvc pull`` brings the same
archives. DVC is called only for content that lies in another remote. DVC trusts what it once
stored. `verify` does not: it hashes the archive and every unpacked file again.
"""

from fixbench.tracking._content import tracked_files as tracked_files
from fixbench.tracking._content import tracked_hash as tracked_hash
from fixbench.tracking._pointers import FOLDERS as FOLDERS
from fixbench.tracking._pull import pull as pull
from fixbench.tracking._pull import unpack_tracked as unpack_tracked
from fixbench.tracking._track import track as track
from fixbench.tracking._verification import missing_files as missing_files
from fixbench.tracking._verification import missing_objects as missing_objects
from fixbench.tracking._verification import verify as verify
