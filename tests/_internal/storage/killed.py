"""Kill a process at each of its system calls, one after the other, as a crash test of a writer.

Run as a script, it writes a result over an older one, dies at every system call of the writer, and
checks each time what is left. It is a process of its own, since forks of one with threads may hang.
"""

import ctypes
import itertools
import os
import shutil
import signal
import sys
from pathlib import Path

TRACE_ME, CONTINUE_TO_CALL, SET_OPTIONS = 0, 24, 0x4200
MARK_CALLS, KILL_WITH_PARENT = 1, 0x100000  # options: stops at system calls are SIGTRAP | 0x80
_libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, process, data=0):
    if _libc.ptrace(request, process, None, ctypes.c_void_p(data)) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def killed_at(number, action):
    """Run an action in a fork, killed on entering its system call of that number, from 0.

    Return whether it was killed; False: it ended before.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ptrace(TRACE_ME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            action()
            code = 0
        finally:
            os._exit(code)
    os.waitpid(child, 0)
    ptrace(SET_OPTIONS, child, MARK_CALLS | KILL_WITH_PARENT)
    for stop in itertools.count():  # entries are the even stops, returns the odd ones
        ptrace(CONTINUE_TO_CALL, child)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            return False
        if stop == 2 * number:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return True
    raise AssertionError("unreachable")


def sweep(folder, prepare, action, check):
    """Kill an action at each of its system calls, and check what is left; return their number.

    Args:
        folder: an empty folder for the results.
        prepare: makes the older result in the folder.
        action: writes the newer one.
        check: raises unless the older or the newer result is there; returns which.
    """
    seen = []
    for number in itertools.count():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        prepare()
        killed = killed_at(number, action)
        seen.append(check())
        action()  # the next run ends in the newer result, and leaves nothing behind
        assert check() == "newer", number
        if not killed:
            break
    return seen


def explanations():
    """Two explanations that differ, made without a network."""
    import numpy as np

    from annealcam.explanation import Explanation
    from annealcam.qubo import Selection, SelectionProblem

    def explanation(seed):
        rng = np.random.default_rng(seed)
        maps, logits = rng.random((4, 3, 3)), rng.normal(size=3)
        problem = SelectionProblem.from_maps(maps, rng.random(4))
        n = np.array([1, 0, 1, 0], dtype=np.int8)
        return Explanation(
            map=maps[0], selected=np.array([0, 2]), selected_maps=maps[[0, 2]],
            candidates=np.arange(4), importance=rng.random(4), alpha=rng.random(4),
            contribution=rng.random(4), logits=logits, target=1, baselines={"gradcam": maps[1]},
            problem=problem, selection=Selection(n, problem.energy(n), None, "exact"),
            provenance={"model": "m", "layer": "l", "warnings": (), "target_name": "b",
                        "normalisation": None, "sampler_options": None, "seed": seed},
        )  # fmt: skip

    return explanation(0), explanation(1)


def of_a_folder(root):
    """Kill `Explanation.save` over an older result; return how often which result was left."""
    from annealcam.explanation import Explanation

    older, newer = explanations()
    folder = root / "work" / "result"

    def check():
        seed = Explanation.load(folder).provenance["seed"]
        return ("older", "newer")[seed]

    return sweep(root / "work", lambda: older.save(folder), lambda: newer.save(folder), check)


def of_a_file(root):
    """Kill the writer of a JSON file over an older one; return how often which was left."""
    from annealcam._internal.storage.resumable import read_json, write_json

    file = root / "work" / "record.json"

    def check():
        return read_json(file)["age"]

    return sweep(
        root / "work",
        lambda: write_json(file, {"age": "older"}),
        lambda: write_json(file, {"age": "newer"}),
        check,
    )


if __name__ == "__main__":
    try:
        killed_at(0, lambda: None)
    except OSError:
        sys.exit("ptrace is not permitted")
    if "--two-renames" in sys.argv:
        from annealcam._internal.storage import files

        files.exchange = lambda *_: False
    target = {"folder": of_a_folder, "file": of_a_file}[sys.argv[1]]
    seen = target(Path(sys.argv[2]))
    left = sorted(path.name for path in (Path(sys.argv[2]) / "work").iterdir())
    print(seen.count("older"), seen.count("newer"), *left)
