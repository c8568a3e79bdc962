"""``python -m fixbench.worker OWNER DESCRIPTOR``: the server; started by the first job.

It goes on in the background, as nobody's child: the job that started it does not wait for it.
"""

import os
import socket
import sys

if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    from fixbench.worker._server import serve

    serve(int(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
