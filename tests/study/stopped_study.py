"""`annealcam study` that stops itself at a given part of the table: `python -m ... HOW PART ARGS`.

`kill` ends the process in the middle of writing that part, as a power cut would; `interrupt` sends
it Ctrl-C after that part.
"""

import os
import signal
import sys
from itertools import count

import pyarrow.parquet as pq

from annealcam.cli.main import app

HALF = b"PAR1 and half of a table"


def stop_at(how, part):
    write, counted = pq.write_table, count(1)

    def write_and_stop(table, file, **options):
        number = next(counted)
        if number == part and how == "kill":
            file.write_bytes(HALF)
            os.kill(os.getpid(), signal.SIGKILL)
        write(table, file, **options)
        if number == part:
            os.kill(os.getpid(), signal.SIGINT)

    pq.write_table = write_and_stop


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    stop_at(sys.argv[1], int(sys.argv[2]))
    app(sys.argv[3:])
