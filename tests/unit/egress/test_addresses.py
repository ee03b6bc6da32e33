from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ssrfguard._address import DEFAULT_DENIED
from ssrfguard._registry import Block

from relay.domain.egress import BlockedTargetError, check_address

# What the other library refuses and we do not. Empty, and any entry needs its reason here.
ALLOWED_THOUGH_REFUSED_ELSEWHERE: frozenset[str] = frozenset()

# Where an address that carries another one inside would arrive.
WRAPPERS = [
    ip_network(network)
    for network in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16")
]


def is_allowed(address: str) -> bool:
    try:
        check_address(address)
    except BlockedTargetError:
        return False
    return True


@given(st.ip_addresses(v=4))
def test_an_allowed_ipv4_address_is_ordinary_public_unicast(address: IPv4Address) -> None:
    if is_allowed(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved
        assert not address.is_private
        assert not address.is_link_local


@given(st.ip_addresses(v=6, network="2000::/3") | st.ip_addresses(v=6))
def test_an_allowed_ipv6_address_is_global_unicast_and_wraps_no_other(address: IPv6Address) -> None:
    if is_allowed(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert address.teredo is None
        assert address.sixtofour is None
        assert address.ipv4_mapped is None
        assert address in ip_network("2000::/3")


@given(st.sampled_from(WRAPPERS), st.ip_addresses(v=4), st.integers(0, 2**16 - 1))
def test_no_ipv4_address_gets_through_inside_an_ipv6_one(
    wrapper: object, inner: IPv4Address, tail: int
) -> None:
    prefix = ip_network(str(wrapper))
    shift = 80 if prefix.prefixlen == 16 else 0
    outer = IPv6Address(
        int(prefix.network_address) | (int(inner) << shift) | (tail if shift else 0)
    )

    assert not is_allowed(str(outer))


@given(st.ip_addresses())
@example(ip_address("192.0.0.192"))
@example(ip_address("2001:1::1"))
@example(ip_address("64:ff9b::808:808"))
def test_whatever_the_other_library_refuses_is_refused_here(
    address: IPv4Address | IPv6Address,
) -> None:
    if DEFAULT_DENIED.classify(address).blocked:
        refused = not is_allowed(str(address))
        assert refused or str(address) in ALLOWED_THOUGH_REFUSED_ELSEWHERE


@pytest.mark.parametrize("block", DEFAULT_DENIED.blocks, ids=lambda block: str(block.network))
def test_the_edges_of_every_block_the_other_library_knows_agree_with_it(block: Block) -> None:
    for address in (block.network[0], block.network[-1]):
        if DEFAULT_DENIED.classify(address).blocked:
            assert not is_allowed(str(address)), address


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("9.255.255.255", True),
        ("10.0.0.0", False),
        ("10.255.255.255", False),
        ("11.0.0.0", True),
        ("100.63.255.255", True),
        ("100.64.0.0", False),
        ("100.127.255.255", False),
        ("100.128.0.0", True),
        ("126.255.255.255", True),
        ("128.0.0.0", True),
        ("168.63.129.15", True),
        ("168.63.129.16", False),
        ("169.253.255.255", True),
        ("169.255.0.0", True),
        ("172.15.255.255", True),
        ("172.16.0.0", False),
        ("172.31.255.255", False),
        ("172.32.0.0", True),
        ("191.255.255.255", True),
        ("192.0.0.255", False),
        ("192.0.1.0", True),
        ("192.167.255.255", True),
        ("192.169.0.0", True),
        ("198.17.255.255", True),
        ("198.18.0.0", False),
        ("198.19.255.255", False),
        ("198.20.0.0", True),
        ("223.255.255.255", True),
        ("224.0.0.0", False),
        ("255.255.255.255", False),
        ("1fff:ffff::1", False),
        ("2000::1", True),
        ("2001:1ff::1", False),
        ("2001:200::1", True),
        ("2001:db7::1", True),
        ("2001:db8::1", False),
        ("2001:db9::1", True),
        ("2001:ffff::1", True),
        ("2002::1", False),
        ("2003::1", True),
        ("2620:4f:8000::1", False),
        ("2620:4f:8001::1", True),
        ("3ffe:ffff::1", True),
        ("3fff:fff::1", False),
        ("3fff:1000::1", True),
        ("4000::1", False),
    ],
)
def test_each_network_ends_where_its_registry_says(address: str, *, allowed: bool) -> None:
    assert is_allowed(address) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "127.1",
        "0x7f000001",
        "2606:4700::1%eth0",
        "1.2.3.4/32",
        " 1.1.1.1",
        "१.१.१.१",
    ],
)
def test_what_is_not_an_address_is_refused(text: str) -> None:
    assert not is_allowed(text)


def test_the_reason_does_not_repeat_the_address() -> None:
    with pytest.raises(BlockedTargetError) as blocked:
        check_address("10.1.2.3")

    assert "10.1.2.3" not in blocked.value.reason
