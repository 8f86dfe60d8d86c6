"""Whose cookie it is, and from which page it comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
import requests

from tests.support.server import Server

ONE = "0" * 32
SITE = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "video.example"}
NEIGHBOUR = "https://neighbour.example"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server behind a proxy that it trusts, for `video.example`."""
    server = Server(
        tmp_path_factory.mktemp("proxied") / "data",
        trusted_proxies="127.0.0.1",
        allowed_hosts="video.example",
    ).start()
    yield server
    server.end()


def issued(server: Server, cookie: str | None = None, **headers: str) -> str:
    """The session that a visitor gets who comes with this cookie; empty if it counts."""
    sent = {**headers, **({"Cookie": cookie} if cookie is not None else {})}
    answer = requests.get(urljoin(server.url, "api/videos"), headers=sent, timeout=60)
    assert answer.status_code == 200
    return answer.headers.get("Set-Cookie", "").partition(";")[0]


def deletes(server: Server, headers: dict[str, str]) -> tuple[int, str]:
    url = urljoin(server.url, f"api/videos/{ONE}")
    answer = requests.delete(url, headers=headers, timeout=60)
    return answer.status_code, answer.json()["code"]


def test_only_what_we_issued_is_a_session(shared_server: Server) -> None:
    mine = issued(shared_server)
    name, value = mine.split("=", 1)
    assert name == "reelrace_session"
    assert issued(shared_server, mine) == ""
    text, mac = value.split(".")
    swapped = "".join(reversed(text))
    for made_up in (
        "c" * 43,
        f"{swapped}.{mac}",
        f"{text}.{mac[::-1]}",
        text,
        f".{mac}",
        "",
        "ü.ü",
    ):
        fresh = issued(shared_server, f"{name}={made_up}")
        assert fresh not in ("", f"{name}={made_up}"), made_up
    mac_of_another = issued(shared_server).rpartition(".")[2]
    assert issued(shared_server, f"{name}={text}.{mac_of_another}")


def test_programs_make_sessions_up(shared_server: Server) -> None:
    assert issued(shared_server, **{"X-User-Session": "Any_visible;characters=" + "!" * 20}) == ""


def test_another_servers_cookie_is_nobodys(shared_server: Server, proxied: Server) -> None:
    """Each has a secret of its own; both are `localhost` to a browser."""
    assert issued(shared_server, issued(proxied))


def test_over_tls_a_cookie_has_a_name_that_others_cannot_give(proxied: Server) -> None:
    answer = requests.get(urljoin(proxied.url, "api/videos"), headers=SITE, timeout=60)
    assert re.fullmatch(
        r"__Host-reelrace_session=[\w-]{43}\.[\w-]{22}; HttpOnly; Max-Age=\d+; Path=/;"
        r" SameSite=Lax; Secure",
        answer.headers["Set-Cookie"],
    )
    mine = answer.headers["Set-Cookie"].partition(";")[0]
    assert issued(proxied, mine, **SITE) == ""
    assert issued(proxied, mine.removeprefix("__Host-"), **SITE)
    assert issued(proxied, mine)


def test_our_own_page_may_act_and_no_other(proxied: Server) -> None:
    """Also not the one that was fetched without TLS: somebody may have changed it on its way."""
    asked = {**proxied.cookie(**SITE), **SITE}
    assert deletes(proxied, {**asked, "Origin": "https://video.example"}) == (404, "not_found")
    for origin in ("http://video.example", proxied.url.rstrip("/"), "null", NEIGHBOUR):
        assert deletes(proxied, {**asked, "Origin": origin}) == (403, "origin_refused")


def test_what_a_client_says_of_itself_does_not_count(proxied: Server) -> None:
    """A proxy that appends puts its own word last; so does one that adds a header."""
    site = {"X-Forwarded-Proto": "http, https", "X-Forwarded-Host": "evil.example, video.example"}
    asked = {**proxied.cookie(**site), **site}
    assert asked["Cookie"].startswith("__Host-")
    assert deletes(proxied, {**asked, "Origin": "https://video.example"}) == (404, "not_found")
    assert deletes(proxied, {**asked, "Origin": "https://evil.example"}) == (403, "origin_refused")
    created = proxied.create(1, "a.mp4", b"", **site).headers["Location"]
    assert created.startswith("https://video.example/files/")
