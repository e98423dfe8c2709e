"""The running page without a browser: what it refuses, how many it serves, what it leaves."""

import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain

import httpx
import pytest

from annealcam.app.limits import MAX_BYTES, MAX_QUESTION, MAX_WAITING
from annealcam.app.server import is_loopback
from tests.app import served
from tests.app.helpers import as_bytes, picture
from tests.cli.helpers import run

pytest.importorskip("starlette")
READ = ("", "page.css", "page.js")
ASKED = ("photo", "choices", "answer", "annealing", "levels", "flip", "report")
PROMPT = 20.0  # seconds on a busy machine; it takes one or two
UP = "../../../../../.."
PATHS = (
    "file=/etc/passwd", f"file={__file__}", "file/etc/passwd", "etc/passwd", "pyproject.toml",
    f"static/{UP}/etc/passwd", f"page.css/{UP}/etc/passwd", f"page.css%2f{UP}/etc/passwd",
    "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "assets/..%2f..%2f..%2f..%2fetc/passwd",
    "page.js%00", "page.css.map", "app.js", "templates/app.js", "docs", "redoc", "openapi.json",
    "metrics", "login", "config", "queue/join", "upload", "proxy=http://example.org/",
    "favicon.ico", "robots.txt", "photo/", "photo/1", "answer/x", "//etc/passwd",
    "\\etc\\passwd", ".git/config", "gradio_api/file=/etc/passwd", "gradio_api/upload",
    "gradio_api/run/show", "gradio_api/call/show", "gradio_api/queue/join", "gradio_api/deep_link",
    "gradio_api/stream/x/y/1/playlist.m3u8", "monitoring", "theme.css", "manifest.json",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


@pytest.fixture(scope="module")
def client():
    with httpx.Client(base_url=served.address(), timeout=60) as made:
        yield made


def post_photo(client, data, name="a.png", **headers):
    return client.post("/photo", content=data, headers={"X-Name": name, **headers})


def test_only_the_addresses_of_the_page_answer(client):
    open_pairs = {(method, name) for method in ("GET", "HEAD") for name in READ}
    refused = 0
    for method in METHODS:
        for path in chain(PATHS, READ, ASKED):
            if (method, path) in open_pairs or (method, path) in {("POST", name) for name in ASKED}:
                continue
            answer = client.request(method, f"/{path}")
            assert answer.status_code in (400, 404, 405), (method, path)
            assert "root:" not in answer.text
            refused += 1
    assert refused == len(METHODS) * (len(PATHS) + len(READ) + len(ASKED)) - 2 * 3 - len(ASKED)
    assert refused >= 428


def test_forms_are_checked(client):
    def post(content):
        answer = client.post("/answer", content=content)
        return answer.status_code, answer.json()["error"]

    assert post("nonsense=1") == (
        422,
        "control='nonsense': one of photo, mode, network, layer, target, other, against, "
        "importance, beta, cardinality, tau, sampler",
    )
    assert post("tau=long") == (422, "'long': give a number")
    assert post("tau=nan")[0] == 422
    assert post("network=/etc/passwd")[0] == 422
    assert post("photo=/etc/passwd") == (
        422,
        "photo: no longer stored; upload it again, or choose an example",
    )
    assert post(b"\xff\xfe") == (400, "the body is no form")
    assert post("&".join("a=1" for _ in range(50))) == (400, "the body is no form")
    assert post(b"x" * (MAX_QUESTION + 1)) == (413, "larger than 0.015625 MiB")
    assert post(b"[" * 10_000)[0] == 422


def test_foreign_names_and_origins_are_turned_away(client):
    assert client.get("/", headers={"Host": "evil.example:80"}).status_code == 403
    assert client.get("/", headers={"Host": "[::1"}).status_code == 403
    assert post_photo(client, b"x", Origin="http://evil.example").status_code == 403
    assert post_photo(client, b"x", Origin="null").status_code == 403
    assert client.get("/", headers={"Host": "localhost:1"}).status_code == 200


def test_every_answer_has_the_policy(client):
    for answer in (client.get("/"), client.get("/none"), client.get("/", headers={"Host": "x"})):
        policy = answer.headers["content-security-policy"]
        assert "unsafe-eval" not in policy
        assert "script-src 'self';" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers


def test_uploads_are_counted_and_errors_name_no_place(client):
    assert post_photo(client, bytes(MAX_BYTES + 1)).status_code == 413
    sent = []

    def chunks():
        for _ in range(50):
            sent.append(1)
            yield bytes(1 << 20)

    lying = {"Content-Length": "10", "Transfer-Encoding": "chunked"}
    with suppress(httpx.TransportError):  # the page closes the connection while more is being sent
        assert client.post("/photo", content=chunks(), headers=lying).status_code in (400, 413)
    assert len(sent) < 30
    refused = post_photo(client, b"words", name="%2Fhome%2Fme%2Fa.png")
    assert (refused.status_code, refused.json()) == (
        422,
        {"error": "a.png: not an image (JPEG, PNG, WEBP are read)"},
    )
    assert not list(served.page().temporary.rglob("*.png"))


def test_an_uploaded_photo_is_explained(client):
    token = post_photo(client, as_bytes(picture(40, 40)), name="my%20cat.png").json()["token"]
    status, answer = served.post(photo=token)
    assert status == 200
    assert "data:image/webp;base64," in answer["html"]
    assert " draw the evidence with a fidelity of " in answer["sentence"].replace("draws", "draw")


def test_ten_at_once_get_answers_and_a_crowd_is_refused():
    def visit(number):
        return served.post(beta=round(0.3 + number / 100, 2))

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(visit, range(10)))
    assert [status for status, _ in answers] == [200] * 10
    assert len({answer["html"] for _, answer in answers}) > 1
    with ThreadPoolExecutor(2 * MAX_WAITING) as pool:
        crowd = list(pool.map(visit, range(10, 10 + 2 * MAX_WAITING)))
    assert {status for status, _ in crowd} <= {200, 503}
    assert all("busy" in answer["error"] for status, answer in crowd if status == 503)
    assert served.post()[0] == 200


def run_app(*options, before=""):
    command = served.command(*options, before=before)
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_without_a_server_one_line_says_what_to_install():
    hidden = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name: None if name == "starlette" else find(name)
"""
    result = run_app(before=hidden)
    assert result.returncode == 1
    assert (
        result.stderr
        == "annealcam: app: starlette is not installed; run pip install 'annealcam[app]'\n"
    )


def test_other_hosts_are_warned_of(monkeypatch):
    loopback = []
    monkeypatch.setattr(
        "annealcam.app.server.serve",
        lambda _, listening, **__: loopback.append(is_loopback(listening)),
    )
    for host in ("127.0.0.1", "localhost", "0.0.0.0"):
        result = run("app", "--model", "digits", "--host", host, "--port", "0")
        warned = "everyone who can reach this machine can open the page" in result.output
        assert warned == (host == "0.0.0.0")
    assert loopback == [True, True, False]


# A computation that takes longer than anyone waits.
ENDLESS = """
import time
from annealcam.app.questions import Questions
def levels(self, controls):
    print("computing")
    time.sleep(600)
Questions.levels = levels
"""


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_page_that_ends_while_it_computes_leaves_nothing(ending):
    page = served.start("--model", "digits", before=ENDLESS)
    assert page.address.startswith("http://127.0.0.1:")
    port = int(page.address.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"POST /levels HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        assert page.process.stdout.readline() == "computing\n"
        begin = time.monotonic()
        page.process.send_signal(ending)
        assert page.process.wait(timeout=60) == 128 + ending
        assert time.monotonic() - begin < PROMPT
        assert visitor.recv(1) == b""
    assert page.process.stdout.read() == "annealcam: interrupted\n"
    page.process.stdout.close()
    assert not list(page.temporary.iterdir())
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_in_use_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_app("--port", str(port), "--model", "digits")
    assert result.returncode == 2
    assert result.stderr.startswith(f"annealcam: port={port}, host=127.0.0.1: ")
    assert result.stderr.count("\n") == 1
