"""The running page without a browser: what it refuses, how many it serves, what it leaves."""

import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from annealcam.app.limits import MAX_BYTES, MAX_WAITING
from annealcam.app.server import is_loopback
from tests.app import served
from tests.app.helpers import as_bytes, picture
from tests.cli.helpers import run

pytest.importorskip("gradio")


@pytest.fixture(scope="module")
def client():
    with httpx.Client(base_url=served.address(), timeout=60) as made:
        yield made


def post_photo(client, data, name="a.png", **headers):
    return client.post("/photo", content=data, headers={"X-Name": name, **headers})


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        f"/gradio_api/file={__file__}",
        "/gradio_api/file=pyproject.toml",
        "/gradio_api/file/etc/passwd",
        "/gradio_api/file=http://example.org/",
        "/gradio_api/proxy=http://example.org/",
        "/file=/etc/passwd",
        "/static/../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2f..%2fetc/passwd",
        "/gradio_api/stream/x/y/1/playlist.m3u8",
        "/gradio_api/run-history/messages",
        "/gradio_api/deep_link",
        "/monitoring",
        "/docs",
        "/openapi.json",
    ],
)
def test_no_file_and_no_address_is_read_for_anyone(client, path):
    answer = client.get(path)
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text
    assert client.head(path).status_code in (403, 404)


@pytest.mark.parametrize(
    "path",
    ["/gradio_api/upload", "/gradio_api/run/show", "/gradio_api/call/show", "/gradio_api/api/show",
     "/gradio_api/component_server", "/gradio_api/process_messageing", "/gradio_api/vibe-edit",
     "/login"],
)  # fmt: skip
def test_nothing_is_written_or_run_past_the_queue(client, path):
    assert client.post(path, json={"data": []}).status_code == 404


def test_values_that_name_files_or_addresses_are_refused(client):
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    for value in (file, [file], {"path": "http://example.org/x.png"}):
        status, _ = served.ask(served.address(), served.controls(photo=value), session="f")
        assert status == 400
    for body in (b"", b"[]", b"nonsense", b'{"data": 3}'):
        assert client.post("/gradio_api/queue/join", content=body).status_code in (400, 411)
    assert client.post("/gradio_api/queue/join", content=bytes(300_000)).status_code == 413


def test_foreign_names_and_origins_are_turned_away(client):
    assert client.get("/", headers={"Host": "evil.example:80"}).status_code == 403
    assert post_photo(client, b"x", Origin="http://evil.example").status_code == 403
    assert client.get("/", headers={"Host": "localhost:1"}).status_code == 200


def test_uploads_are_limited_and_errors_name_no_place(client):
    assert post_photo(client, bytes(MAX_BYTES + 1)).status_code == 413
    unannounced = client.post("/photo", content=iter([b"x"]))
    assert unannounced.status_code == 411
    refused = post_photo(client, b"words", name="%2Fhome%2Fme%2Fa.png").json()
    assert refused == {"error": "a.png: not an image (JPEG, PNG, WEBP are read)"}
    assert not list(served.temporary().rglob("*.png"))


def test_an_uploaded_photo_is_explained_and_errors_are_one_line(client):
    token = post_photo(client, as_bytes(picture(40, 40)), name="my%20cat.png").json()["token"]
    status, message = served.ask(served.address(), served.controls(photo=token), session="one")
    assert (status, message["success"]) == (200, True)
    assert "data:image/webp;base64," in message["output"]["data"][0]
    _, message = served.ask(served.address(), served.controls(photo="gone"), session="two")
    assert message["success"] is False
    assert (
        message["output"]["error"]
        == "photo: no longer stored; upload it again, or choose an example"
    )
    assert "Traceback" not in str(message)
    assert ".py" not in str(message)


def test_ten_at_once_get_answers_and_a_crowd_is_refused():
    def visit(number):
        values = served.controls(beta=round(0.3 + number / 100, 2))
        return served.ask(served.address(), values, session=f"visitor-{number}")

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(visit, range(10)))
    assert [status for status, _ in answers] == [200] * 10
    assert all(message["success"] for _, message in answers)
    assert len({message["output"]["data"][0] for _, message in answers}) > 1
    with ThreadPoolExecutor(2 * MAX_WAITING) as pool:
        crowd = list(pool.map(visit, range(10, 10 + 2 * MAX_WAITING)))
    assert {status for status, _ in crowd} <= {200, 503}
    assert all(message["success"] for status, message in crowd if status == 200)
    assert all("Queue is full" in message["detail"] for status, message in crowd if status == 503)
    assert served.ask(served.address(), served.controls(), session="after")[1]["success"]


def run_app(*options, before=""):
    arguments = ["annealcam", "app", *options]
    code = (
        f"{before}\nimport sys\nfrom annealcam.cli.main import main\nsys.argv = {arguments}\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_without_gradio_one_line_says_what_to_install():
    hidden = """
import importlib.util as util
find = util.find_spec
util.find_spec = lambda name: None if name == "gradio" else find(name)
"""
    result = run_app(before=hidden)
    assert result.returncode == 2
    assert (
        result.stderr
        == "annealcam: app: gradio is not installed; run pip install 'annealcam[app]'\n"
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


def test_a_page_that_ends_leaves_nothing():
    page = served.start()
    assert page.address.startswith("http://127.0.0.1:")
    assert page.printed.count("\n") == 1
    port = int(page.address.rsplit(":", 1)[1])
    again = run_app("--port", str(port), "--model", "digits")
    assert again.returncode == 2
    assert f"port={port}, host=127.0.0.1" in again.stderr
    page.process.send_signal(signal.SIGTERM)
    assert page.process.wait(timeout=60) == 0
    assert page.process.stdout.read() == ""
    page.process.stdout.close()
    assert not list(page.temporary.glob("annealcam*"))
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", port)) != 0
