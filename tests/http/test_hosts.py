"""A page whose name was made to point here is not answered."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path

import pytest
import requests

from tests.support.server import Server

SITE = {"X-Forwarded-Host": "video.example"}


def asked(server: Server, host: str | None, **headers: str) -> tuple[int, str]:
    """Status and code of an answer to a request for `host`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("GET", "/healthz", skip_host=True)
    for name, value in (headers if host is None else {"Host": host, **headers}).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body.get("code", "")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:1",
        "localhost.:80",
        "127.0.0.1",
        "127.0.0.1:9",
        "[::1]",
        "[::1]:8765",
        "10.1.2.3",
        "[::2]:80",
        "x",
        "my-server:8765",
    ],
)
def test_names_that_nobody_else_can_have(shared_server: Server, host: str) -> None:
    assert asked(shared_server, host) == (200, "")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8765",
        "localhost:x",
        "localhost@evil.example",
        "127.0.0.1.evil.example",
        "1.2.3",
        "::1",
        "[::1",
        "\xff",
    ],
)
def test_others_are_not(shared_server: Server, host: str) -> None:
    assert asked(shared_server, host) == (421, "host_refused")
    for path in ("", "files/", "api/videos", "assets/x.js", "nowhere"):
        url = shared_server.url + path
        answer = requests.post(url, headers={"Host": host.encode("latin-1")}, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (421, "host_refused")


def test_who_names_none_means_where_they_are(shared_server: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared_server.port), timeout=60) as sock:
        sock.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b" 200 " in sock.recv(100)


def test_what_a_stranger_forwards_does_not_count(shared_server: Server) -> None:
    assert asked(shared_server, "localhost", **{"X-Forwarded-Host": "evil.example"}) == (200, "")
    forwarded = {"X-Forwarded-Host": "localhost"}
    assert asked(shared_server, "evil.example", **forwarded) == (421, "host_refused")


def test_names_that_are_allowed(tmp_path: Path) -> None:
    """The proxy that is trusted says which was asked for."""
    server = Server(tmp_path / "data", allowed_hosts="video.example", trusted_proxies="127.0.0.1")
    server.start()
    try:
        for host in ("video.example", "VIDEO.example:444", "localhost"):
            assert asked(server, host) == (200, "")
            assert asked(server, "x", **{"X-Forwarded-Host": host}) == (200, "")
        for host in ("evil.example", "www.video.example"):
            assert asked(server, host) == (421, "host_refused")
            forwarded = {"X-Forwarded-Host": host}
            assert asked(server, "localhost", **forwarded) == (421, "host_refused")
    finally:
        server.end()


@pytest.mark.parametrize("settings", [{"allowed_hosts": "*"}, {"host": "0.0.0.0"}])
def test_any_name(tmp_path: Path, settings: dict[str, str]) -> None:
    """When told so, or when it listens elsewhere: only its people know what it is called there."""
    server = Server(tmp_path / "data", **settings).start()
    try:
        assert asked(server, "any.example") == (200, "")
    finally:
        server.end()
