"""Strangers at ports, odd photos, and names that would control a terminal."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.robustness.campaign import WORKS, inputs
from benchmarks.robustness.rows import ENVIRONMENT, LONGEST, Row, run, start, working_folder


def ports(full: bool) -> Iterator[Row]:
    """A study with two workers: every port that one of its processes opens would be a door."""
    row = Row("looks for a port of a study with two workers")
    work = next(work for work in WORKS if work.name == "study of two workers")
    with working_folder() as folder:
        for number in range(5 if full else 1):
            where = folder / str(number)
            where.mkdir()
            inputs(where)
            process = start(where, *work.arguments)
            while process.poll() is None:
                row.count(_open_port(process.pid))
                with suppress(Exception):
                    process.wait(timeout=0.2)
            process.communicate(timeout=LONGEST)
    yield row


def _open_port(pid: int) -> str:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                for connection in one.net_connections():
                    if connection.status == psutil.CONN_LISTEN:
                        return f"{connection.laddr} is open"
    return ""


def schedulers(full: bool) -> Iterator[Row]:
    """A dask scheduler and a worker with TLS: nobody comes in without a certificate of theirs."""
    from distributed import Client, LocalCluster
    from distributed.security import Security

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it names every refusal
    row = Row("an outsider at the ports of a TLS scheduler and its worker")
    before = _listening()
    with tempfile.TemporaryDirectory() as folder:
        security = Security.temporary()
        with LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
            worker_dashboard_address=None, host="127.0.0.1", protocol="tls", security=security,
        ) as running:  # fmt: skip
            theirs = {int(running.scheduler_address.rsplit(":", 1)[1])}
            for port in sorted(_listening() - before):
                for stranger in (plain, without_certificate, of_another_authority):
                    for _ in range(20 if full else 2):
                        row.count(stranger(port, Path(folder)), f"port {port}")
            row.count("" if theirs <= _listening() - before else "the ports were not found")
            with Client(running.scheduler_address, security=security) as friend:
                row.count("" if friend.submit(abs, -1).result() == 1 else "refuses its friend")
    yield row


def _listening() -> set[int]:
    connections = psutil.Process().net_connections()
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def plain(port: int, _: Path) -> str:
    """Speak without TLS: no byte comes back but an alert."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as stream, suppress(OSError):
        stream.sendall(b"\x01" + bytes(7) + b"\x00" * 64)
        answer = stream.recv(64)
        if answer[:1] not in (b"", b"\x15"):
            return f"answers {answer[:16]!r}"
    return ""


def without_certificate(port: int, _: Path) -> str:
    return _by_tls(port, ssl.create_default_context())


def of_another_authority(port: int, folder: Path) -> str:
    from distributed.security import Security

    made = Security.temporary()
    for name, text in (("cert", made.tls_client_cert), ("key", made.tls_client_key)):
        (folder / name).write_text(text)
    context = ssl.create_default_context()
    context.load_cert_chain(folder / "cert", folder / "key")
    return _by_tls(port, context)


def _by_tls(port: int, context: ssl.SSLContext) -> str:
    """Trust any server, as a stranger would: it still asks for a certificate of its own."""
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as stream,
            context.wrap_socket(stream) as safe,
        ):
            safe.sendall(bytes(64))
            answer = safe.recv(64)
    except (ssl.SSLError, OSError):
        return ""
    return f"answers {answer[:16]!r}" if answer else ""


def odd_photos(_: bool) -> Iterator[Row]:
    """Odd photos among good ones: a line for each, and the good ones are explained."""
    row = Row("an odd photo in a folder of good ones")
    with working_folder() as folder:
        inputs(folder)
        photos = folder / "photos"
        photos.mkdir()
        whole = (folder / "0.png").read_bytes()
        odd = {
            "empty.png": b"", "text.png": b"not a photo", "half.png": whole[: len(whole) // 2],
            "zeros.jpg": bytes(1000), "lying.png": whole[:16] + b"\xff" * 8 + whole[24:],
            "truncated.gif": b"GIF89a\xff\xff", "odd.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 ",
        }  # fmt: skip
        for name, content in odd.items():
            (photos / name).write_bytes(content)
        os.mkfifo(photos / "pipe.png")
        (photos / "device.png").symlink_to("/dev/zero")
        (photos / "lost.png").symlink_to("nowhere")
        with open(os.fsencode(photos) + b"/\xff\xfe.png", "wb") as file:
            file.write(whole)
        (photos / "good.png").write_bytes(whole)
        strange = sorted([*odd, "pipe.png", "device.png", "lost.png"])
        code, errors = run(folder, "explain", "photos", "--model", "digits", "-o", "out")
        is_done = (folder / "out" / "good" / "explanation.json").exists()
        row.count("" if is_done else "good.png is not explained")
        row.count(f"a traceback: {errors[-200:]}" if "Traceback" in errors else "")
        for name in strange:
            row.count("" if name in errors else "no line about it", name)
        row.count("" if code else "the exit code is 0")
    yield row


def escapes(_: bool) -> Iterator[Row]:
    """Names that hold sequences which would control the terminal."""
    row = Row("a name with a control sequence, on the terminal")
    sequences = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\r", "\x08\x08", "\x1b[?25l"]
    with working_folder() as folder:
        inputs(folder)
        for number, sequence in enumerate(sequences):
            name = f"a{sequence}b.png"
            (folder / name).write_bytes((folder / "0.png").read_bytes())
            for arguments in (
                ["explain", name, "--model", "digits", "-o", f"out{number}"],
                ["explain", f"missing{sequence}", "--model", "digits", "-o", "none"],
                ["verify", f"missing{sequence}"],
            ):
                row.count(_sent(folder, sequence, arguments), f"{arguments[0]} {sequence!r}")
    yield row


def _sent(folder: Path, sequence: str, arguments: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "annealcam", *arguments], cwd=folder, env=ENVIRONMENT,
        capture_output=True,
    )  # fmt: skip
    return "reaches the terminal" if sequence.encode() in done.stdout + done.stderr else ""
