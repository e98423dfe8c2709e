"""Stop an action at its system calls: kill its process there, or let the call fail.

Only Linux has what this needs, and only on x86-64 it can tell which call is made (`SUPPORTED`).
"""

import ctypes
import os
import platform
import re
import signal
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

SUPPORTED = sys.platform == "linux" and platform.machine() == "x86_64"
TRACE_ME, CONTINUE, GET_REGISTERS, SET_REGISTERS, SET_OPTIONS = 0, 7, 12, 13, 0x4200
OPTIONS = 0x80 | 0x100000  # stop at the calls of the filter; end with the tracing process
AT_A_CALL = signal.SIGTRAP | 7 << 8  # the status of such a stop
NO_CALL = (1 << 64) - 1
HERE, WRITES = -100, os.O_WRONLY | os.O_RDWR | os.O_CREAT  # of openat
NAMES = [
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx"),
    *("rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base"),
    *("ds", "es", "fs", "gs"),
]
# Calls that change files: their numbers, names, and the registers of (folder, path) or descriptor.
PATHS = {
    2: ("open", [(None, "rdi")]), 257: ("open", [("rdi", "rsi")]),
    76: ("truncate", [(None, "rdi")]),
    82: ("rename", [(None, "rdi"), (None, "rsi")]),
    264: ("rename", [("rdi", "rsi"), ("rdx", "r10")]),
    316: ("rename", [("rdi", "rsi"), ("rdx", "r10")]),
    83: ("mkdir", [(None, "rdi")]), 258: ("mkdir", [("rdi", "rsi")]),
    84: ("rmdir", [(None, "rdi")]), 87: ("unlink", [(None, "rdi")]),
    263: ("unlink", [("rdi", "rsi")]),
}  # fmt: skip
DESCRIPTORS = {
    1: "write", 18: "write", 20: "write", 296: "write", 40: "write", 77: "truncate",
    74: "sync", 75: "sync", 285: "allocate", 73: "lock",
}  # fmt: skip
UNFINISHED = re.compile(r"/\.[^/]+\.new-[0-9a-f]{16}(?=/|$)")
# A filter of system calls is a small program: load the number; if equal, skip; return.
LOAD, IF_EQUAL, RETURN, ALLOW, TRACE = 0x20, 0x15, 0x06, 0x7FFF0000, 0x7FF00000
NO_NEW_PRIVILEGES, SECCOMP, FILTER = 38, 22, 2  # of prctl
_libc = ctypes.CDLL(None, use_errno=True)


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulong) for name in NAMES]


@dataclass(frozen=True)
class Call:
    """A system call that changes files: what it does, and to which."""

    name: str
    path: str
    other: str = ""
    exchanges: bool = False


@dataclass
class Run:
    """What became of a traced action: its calls, its exit code, and what it printed."""

    calls: list[Call] = field(default_factory=list)
    stopped: bool = False
    code: int = 0
    output: str = ""


def ptrace(request, process, data=0):
    if not isinstance(data, int):
        data = ctypes.addressof(data)
    if _libc.ptrace(request, process, None, ctypes.c_void_p(data)) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")


def is_permitted():
    """Whether processes may be traced here."""
    if not SUPPORTED:
        return False
    with suppress(OSError):
        return traced(lambda: None, stop=0).stopped
    return False


def alone(action):
    """Run an action in a fork, so that this process does no work of its own; return its `Run`."""
    read, write = os.pipe()
    child = _fork(action, write)
    os.close(write)
    with os.fdopen(read) as stream:
        output = stream.read()
    _, status = os.waitpid(child, 0)
    return Run(code=os.waitstatus_to_exitcode(status), output=output)


def traced(action, *, folder=None, stop=None, error=None):
    """Run an action in a fork until its call of number `stop`, which kills it or fails.

    Args:
        action: anything; an error or a SystemExit ends the fork with a code.
        folder: only calls that change files within it are counted; None: all calls.
        stop: the number of the call, from 0; None: it runs to its end.
        error: the error number of the call; None: the process is killed as it enters it.
    """
    log = os.memfd_create("output")
    numbers = None if folder is None else {*PATHS, *DESCRIPTORS}
    run, child = Run(), _fork(lambda: (_trace_me(numbers), action()), log)
    try:
        os.waitpid(child, 0)
        ptrace(SET_OPTIONS, child, OPTIONS)
        with open(f"/proc/{child}/mem", "rb", buffering=0) as memory:
            _follow(child, memory, run, os.path.realpath(folder) if folder else None, stop, error)
        run.output = os.pread(log, 1 << 20, 0).decode(errors="replace")
    finally:
        os.close(log)
    return run


def _follow(child, memory, run, folder, stop, error):
    number, deliver, registers = 0, 0, Registers()
    while True:
        ptrace(CONTINUE, child, deliver)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            run.code = os.waitstatus_to_exitcode(status)
            return
        deliver = 0
        if status >> 8 != AT_A_CALL:
            deliver = os.WSTOPSIG(status)
            continue
        ptrace(GET_REGISTERS, child, registers)
        call = _call(child, memory, registers, folder)
        if call is None:
            continue
        run.calls.append(call)
        if number == stop:
            run.stopped = True
            if error is None:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return
            registers.orig_rax, registers.rax = NO_CALL, -error & NO_CALL
            ptrace(SET_REGISTERS, child, registers)
        number += 1


class Step(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte),
                ("value", ctypes.c_uint)]  # fmt: skip


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Step))]


def _trace_me(numbers):
    """Stop this process for its parent at the calls of these numbers; None: at all calls."""
    tests = [] if numbers is None else [
        Step(IF_EQUAL, len(numbers) - i, 0, number) for i, number in enumerate(sorted(numbers))
    ]  # fmt: skip
    last = [Step(RETURN, 0, 0, TRACE)]
    if tests:
        last.insert(0, Step(RETURN, 0, 0, ALLOW))
    steps = [Step(LOAD, 0, 0, 0), *tests, *last]
    program = Program(len(steps), (Step * len(steps))(*steps))
    ptrace(TRACE_ME, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    for request in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SECCOMP, FILTER, ctypes.byref(program))):
        if _libc.prctl(*request):
            raise OSError(ctypes.get_errno(), "prctl")


def _call(child, memory, registers, folder):
    """The call that a process enters, or None if it changes no file within the folder."""
    if folder is None:
        return Call("any", "")
    number = registers.orig_rax
    if number in DESCRIPTORS:
        path = _opened(child, registers.rdi)
        return Call(DESCRIPTORS[number], path) if _is_within(path, folder) else None
    if number not in PATHS:
        return None
    name, places = PATHS[number]
    if name == "open":
        flags = registers.rsi if number == 2 else registers.rdx
        if not flags & WRITES:
            return None
    paths = [_path(child, memory, registers, *place) for place in places]
    if not any(_is_within(path, folder) for path in paths):
        return None
    return Call(name, *paths, exchanges=number == 316 and registers.r8 == 2)


def _path(child, memory, registers, folder, register):
    memory.seek(getattr(registers, register))
    name = os.fsdecode(memory.read(1024).split(b"\0")[0])
    base = HERE if folder is None else ctypes.c_int(getattr(registers, folder)).value
    start = os.readlink(f"/proc/{child}/cwd") if base == HERE else _opened(child, base)
    return os.path.normpath(os.path.join(start, name))


def _opened(child, descriptor):
    with suppress(OSError):
        return os.readlink(f"/proc/{child}/fd/{descriptor}")
    return ""


def _is_within(path, folder):
    return path == folder or path.startswith(f"{folder}/")


def _fork(action, output):
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(output, 2)
        action()
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def unfinished(folder):
    """The names that a writer left within a folder: unfinished, or moved aside."""
    names = [os.path.relpath(path, folder) for path in Path(folder).rglob(".*")]
    return sorted(name for name in names if not name.endswith("/.gitignore"))


def not_aside(calls):
    """The files that were written in place: a reader could see half of them."""
    opened = {call.path for call in calls if call.name in ("open", "write", "truncate")}
    return sorted(path for path in opened if not UNFINISHED.search(path))


def not_synced(calls):
    """What took its place before it was on the disk, or may lose its name by a power cut.

    A disk may write contents and names in any order, unless a call waits for them: contents until
    their file is synced, names until their folder is.
    """
    contents, names, faults = set(), set(), []
    for call in calls:
        if call.name in ("write", "truncate", "allocate") or call.name == "open":
            contents.add(call.path)
        if call.name in ("open", "mkdir"):
            names.add(os.path.dirname(call.path))
        elif call.name == "sync":
            contents.discard(call.path)
            names.discard(call.path)
        elif call.name == "rename" and UNFINISHED.search(call.path):
            early = [path for path in {*contents, *names} if _is_within(path, call.path)]
            faults += [f"{path} before {call.other}" for path in sorted(early)]
            names.add(os.path.dirname(call.other))
            contents = {path for path in contents if not _is_within(path, call.path)}
    inside = [path for path in names if not UNFINISHED.search(f"{path}/")]
    return faults + [f"names in {path}" for path in sorted(inside) if os.path.isdir(path)]
