import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relay.domain.egress import (
    URL_CHARACTERS_MAX,
    BlockedTargetError,
    EgressPolicy,
    Target,
    check_address,
    check_url,
)

CORPUS = json.loads((Path(__file__).parents[2] / "data" / "hostile_urls.json").read_text())
POLICY = EgressPolicy(forbidden_hosts=frozenset({"Relay.example.org"}))
LOCAL = EgressPolicy(allow_loopback_http=True)

hosts = st.sampled_from(
    [
        *("example.com", "EXAMPLE.com", "münchen.de", "xn--mnchen-3ya.de", "ß.de", "例え.jp"),
        *("1.1.1.1", "127.0.0.1", "[2606:4700:0:0::1111]", "[::1]", "localhost", "a.local"),
    ]
) | st.text(max_size=20)
ports = st.sampled_from(["", ":443", ":8443", ":80", ":"])
paths = st.text(max_size=30).map(lambda text: "/" + text) | st.just("")
schemes = st.sampled_from(["https", "HTTPS", "http"])
urls = st.builds("{}://{}{}{}".format, schemes, hosts, ports, paths) | st.text()


def target_or_none(url: str, policy: EgressPolicy = POLICY) -> Target | None:
    try:
        return check_url(url, policy)
    except BlockedTargetError:
        return None


def written(target: Target) -> str:
    return f"{target.scheme}://{target.authority}{target.path}"


@pytest.mark.parametrize(("url", "why"), CORPUS["deny"])
def test_a_hostile_url_is_refused(url: str, why: str) -> None:
    assert target_or_none(url) is None, why


@pytest.mark.parametrize(("url", "why"), CORPUS["deny"])
def test_a_hostile_url_is_refused_on_a_developers_machine_unless_it_is_loopback(
    url: str, why: str
) -> None:
    target = target_or_none(url, LOCAL)

    is_own_name = why.startswith("our own name")
    assert is_own_name or target is None or target == Target("http", "127.0.0.1", 80, "/")


@pytest.mark.parametrize(("url", "answers"), CORPUS["allow"])
def test_a_legitimate_url_is_accepted(url: str, answers: list[str]) -> None:
    target = target_or_none(url)

    assert target is not None
    for answer in answers:
        check_address(answer)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("HTTPS://Example.COM:8443/A?b=C", Target("https", "example.com", 8443, "/A?b=C")),
        ("https://example.com?a=1", Target("https", "example.com", 443, "/?a=1")),
        ("https://example.com/?", Target("https", "example.com", 443, "/?")),
        ("https://münchen.de/", Target("https", "xn--mnchen-3ya.de", 443, "/")),
        ("https://straße.de/", Target("https", "xn--strae-oqa.de", 443, "/")),
        ("https://example。com/", Target("https", "example.com", 443, "/")),
        ("https://[2606:4700:0:0::1]/", Target("https", "2606:4700::1", 443, "/")),
        ("https://example.com/é?ü", Target("https", "example.com", 443, "/%C3%A9?%C3%BC")),
        ("https://example.com/a%20b", Target("https", "example.com", 443, "/a%20b")),
        ('https://example.com/"<x>"', Target("https", "example.com", 443, "/%22%3Cx%3E%22")),
        ("https://example.com/../a//b", Target("https", "example.com", 443, "/../a//b")),
        ("https://example.com/a@b:c", Target("https", "example.com", 443, "/a@b:c")),
    ],
)
def test_the_target_is_what_goes_on_the_wire(url: str, target: Target) -> None:
    assert check_url(url, POLICY) == target


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com/", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("https://[2606:4700::1]/", "[2606:4700::1]"),
        ("https://[2606:4700::1]:8443/", "[2606:4700::1]:8443"),
        ("http://localhost/", "localhost"),
        ("http://localhost:443/", "localhost:443"),
    ],
)
def test_the_authority_leaves_out_the_default_port_and_brackets_ipv6(
    url: str, authority: str
) -> None:
    assert check_url(url, LOCAL).authority == authority


@given(urls, st.sampled_from([POLICY, LOCAL]))
@example("https://example.com/%", POLICY)
@example("https://example.com/" + "é" * 300, POLICY)
def test_an_accepted_url_reads_the_same_when_written_out(url: str, policy: EgressPolicy) -> None:
    target = target_or_none(url, policy)

    if target is not None:
        assert check_url(written(target), policy) == target


@given(urls)
def test_an_accepted_url_is_plain_ascii_over_https_on_a_web_port(url: str) -> None:
    target = target_or_none(url)

    if target is not None:
        assert target.scheme == "https"
        assert target.port in {443, 8443}
        assert written(target).isascii()
        assert written(target).isprintable()
        assert " " not in written(target)
        assert len(written(target)) <= URL_CHARACTERS_MAX


@given(st.ip_addresses())
def test_a_literal_is_accepted_exactly_when_its_address_is(address: object) -> None:
    literal = str(address)
    bracketed = f"[{literal}]" if ":" in literal else literal
    try:
        check_address(literal)
        is_public = True
    except BlockedTargetError:
        is_public = False

    assert (target_or_none(f"https://{bracketed}/") is not None) is is_public


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1", 80),
        ("http://127.0.0.1:3000/hook", 3000),
        ("http://localhost:65535/", 65535),
        ("HTTP://LocalHost:1/", 1),
    ],
)
def test_plain_http_reaches_loopback_on_a_developers_machine(url: str, port: int) -> None:
    target = check_url(url, LOCAL)

    assert target.scheme == "http"
    assert target.host in {"127.0.0.1", "localhost"}
    assert target.port == port


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2/",
        "http://127.1/",
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://localhost./",
        "http://a.localhost/",
        "http://localhost.example.com/",
        "http://user@localhost/",
        "http://localhost/#a",
        "http://localhost:0/",
        "http://localhost:65536/",
        "http://10.0.0.1/",
        "http://169.254.169.254/",
        "http://example.com/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://127.0.0.1:8443/",
    ],
)
def test_nothing_else_becomes_reachable_on_a_developers_machine(url: str) -> None:
    assert target_or_none(url, LOCAL) is None


def test_loopback_has_no_addresses_unless_it_is_allowed() -> None:
    assert POLICY.loopback_addresses("localhost") == ()
    assert LOCAL.loopback_addresses("localhost") == ("127.0.0.1", "::1")
    assert LOCAL.loopback_addresses("example.com") == ()


@pytest.mark.parametrize(("url", "_why"), CORPUS["deny"])
def test_a_reason_says_what_to_change_and_repeats_nothing(url: str, _why: str) -> None:
    with pytest.raises(BlockedTargetError) as blocked:
        check_url(url, POLICY)

    reason = blocked.value.reason
    assert str(blocked.value) == reason
    assert "must" in reason or "not allowed" in reason
    assert not any(part in reason for part in ("127.0", "169.254", "evil", "token", "password@"))


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://example.com/", "https://"),
        ("https://user@example.com/", "user name"),
        ("https://example.com/#a", "fragment"),
        ("https://example.com/a b", "spaces"),
        ("https://example.com:22/", "443 or 8443"),
        ("https://example.com:x/", "443 or 8443"),
        ("https://intranet/", "public DNS"),
        ("https://10.0.0.1/", "public address"),
        ("https://a_b.com/", "domain name"),
        ("https://relay.example.org/", "this service itself"),
        ("https://example.com/" + "a" * 2048, "2048 characters"),
    ],
)
def test_each_kind_of_mistake_has_its_own_advice(url: str, hint: str) -> None:
    with pytest.raises(BlockedTargetError) as blocked:
        check_url(url, POLICY)

    assert hint in blocked.value.reason
