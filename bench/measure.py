"""Runs a command, and writes to descriptor 3 what it and its descendants used.

From a process of a few megabytes: a child's peak begins with what its parent held when it was born, which in Node would hide
that of small programs.
"""

import json
import os
import sys
import time

os.set_inheritable(3, False)
started = time.monotonic()
child = os.fork()
if child == 0:
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        os.write(2, f"{sys.argv[1]}: {error.strerror}\n".encode())
        os._exit(127)
_, status, usage = os.wait4(child, 0)
figures = {
    "wallSeconds": time.monotonic() - started,
    "cpuSeconds": usage.ru_utime + usage.ru_stime,
    "peakRssKib": usage.ru_maxrss,
}
os.write(3, json.dumps(figures).encode())
os._exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
