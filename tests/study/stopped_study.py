"""`annealcam study` that stops itself at a given part of the table: `python -m ... HOW PART ARGS`.

`SIGKILL` ends the process in the middle of writing that part, as a power cut would; `SIGINT`
(Ctrl-C) and `SIGTERM` are sent after that part.
"""

import os
import signal
import sys
from itertools import count

from annealcam._internal.storage.files import file_written_aside
from annealcam.cli.main import main
from annealcam.study.run import worker

HALF = b"PAR1 and half of a table"


def stop_at(how, part):
    write, counted = worker.write_part, count(1)

    def write_and_stop(content, file):
        number = next(counted)
        if number == part and how == "SIGKILL":
            with file_written_aside(file) as aside:
                aside.write_bytes(HALF)
                os.kill(os.getpid(), signal.SIGKILL)
        write(content, file)
        if number == part:
            os.kill(os.getpid(), getattr(signal, how))

    worker.write_part = write_and_stop


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    stop_at(sys.argv[1], int(sys.argv[2]))
    sys.argv[1:] = sys.argv[3:]
    main()
