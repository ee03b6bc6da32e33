"""Where a webhook may go: pure rules, asked at registration and again at every delivery.

What `check_url` returns is what is dialled; nothing after it parses the URL again.
Two parsers that disagree about one string are how most guards of this kind were passed.

Sources: https://www.iana.org/assignments/iana-ipv4-special-registry/,
https://www.iana.org/assignments/iana-ipv6-special-registry/ and
https://www.iana.org/assignments/special-use-domain-names/ (read November 2026).
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType
from urllib.parse import quote

import idna

URL_CHARACTERS_MAX = 2_048
HOST_CHARACTERS_MAX = 253  # RFC 1035, section 2.3.4
HTTPS_PORTS = frozenset({443, 8443})  # anything else would make us a port scanner
PORT_MAX = 65_535

# The names a developer's machine gives itself, and the numbers they stand for. The numbers are
# written out, so that not even here does a resolver decide what is loopback.
LOOPBACK_ADDRESSES = MappingProxyType(
    {"127.0.0.1": ("127.0.0.1",), "localhost": ("127.0.0.1", "::1")}
)

# Not `example`'s children such as example.com: those are ordinary names in the public DNS.
_SPECIAL_USE_SUFFIXES = frozenset(
    {
        # The registry of special-use names.
        *("alt", "arpa", "example", "invalid", "local", "localhost", "onion", "test"),
        "internal",  # reserved by ICANN in 2024; AWS's and Google's metadata names end in it
        *("corp", "home", "mail"),  # never delegated, because networks use them inside
        *("intranet", "lan", "localdomain", "private"),  # RFC 6762, appendix G, and habit
    }
)

# Written out and not left to `is_global`, whose answers have changed between patch releases of
# Python: 192.0.0.192 was global in 3.12.1, multicast still is. Both must agree.
_IPV4_DENIED = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent, which sits in public space
        "169.254.0.0/16",  # link-local; metadata and credentials of EC2, ECS and EKS
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112: whoever is nearest answers
        "192.52.193.0/24",  # multicast relays
        "192.88.99.0/24",  # 6to4 relays: whoever is nearest answers
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# An allow-list, since new ways to wrap an IPv4 address in an IPv6 one keep being invented:
# mapped, compatible, NAT64, unique-local, link-local and multicast are all outside of it.
_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_IPV6_DENIED = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # protocol assignments; Teredo, which wraps IPv4
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which wraps IPv4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_NOT_HTTPS = "The URL must start with https:// and name a host."
_NOT_PUBLIC = "The host must be a public address on the Internet."
_NOT_A_NAME = "The host must be a valid public domain name or address."

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)([^?]*)(.*)")
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^\[\]:]*)(?::(.*))?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PATH_SAFE = "/?:@!$&'()*+,;=%"  # RFC 3986, section 3.3; what is percent-encoded stays so


class BlockedTargetError(ValueError):
    """Webhooks do not go there; `reason` says what to change and may be shown to a tenant.

    It repeats nothing of the URL, which may hold a token, and no address a name resolved to:
    that would make us a map of somebody's network.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What differs between installations.

    `allow_loopback_http` is for a developer's machine alone. `forbidden_hosts` are our own
    names: a webhook to ourselves would be a loop somebody else pays for.
    """

    allow_loopback_http: bool = False
    forbidden_hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Compare names as they are dialled, in lower case."""
        hosts = frozenset(host.lower() for host in self.forbidden_hosts)
        object.__setattr__(self, "forbidden_hosts", hosts)

    def loopback_addresses(self, host: str) -> tuple[str, ...]:
        """Return the numbers to dial for a loopback name; none unless loopback is allowed."""
        return LOOPBACK_ADDRESSES.get(host, ()) if self.allow_loopback_http else ()


@dataclass(frozen=True, slots=True)
class Target:
    """A checked URL, in the parts that go on the wire.

    `host` is an A-label name, or an address without brackets; `path` holds the query too.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The value of the `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS[self.scheme]
        return host if is_default else f"{host}:{self.port}"


_DEFAULT_PORTS = MappingProxyType({"https": 443, "http": 80})


def check_url(url: str, policy: EgressPolicy) -> Target:
    """Return what to dial for a webhook's URL.

    Raises:
        BlockedTargetError: Webhooks do not go there.
    """
    match = _URL.fullmatch(_plain(url))
    if match is None:
        raise BlockedTargetError(_NOT_HTTPS)
    scheme, authority, path, query = match.groups()
    host, port = _split(authority)
    if scheme.lower() == "https":
        target = Target("https", _public_host(host, policy), port or 443, _wire_path(path, query))
        if target.port not in HTTPS_PORTS:
            raise BlockedTargetError("The port must be 443 or 8443.")
    elif scheme.lower() == "http" and policy.loopback_addresses(host.lower()):
        target = Target("http", host.lower(), port or 80, _wire_path(path, query))
    else:
        raise BlockedTargetError(_NOT_HTTPS)
    # Percent-encoding may make it longer: a limit on what came in is none on what goes out.
    if len(f"{target.scheme}://{target.authority}{target.path}") > URL_CHARACTERS_MAX:
        raise BlockedTargetError(f"The URL must have at most {URL_CHARACTERS_MAX} characters.")
    return target


def _plain(url: str) -> str:
    """Refuse, over the whole string, what parsers disagree about or people cannot see."""
    if len(url) > URL_CHARACTERS_MAX:
        raise BlockedTargetError(f"The URL must have at most {URL_CHARACTERS_MAX} characters.")
    # Not printable: controls, lone surrogates, every space but U+0020, and format characters,
    # which hide in a host (zero-width) or turn it round on the screen (bidirectional).
    if not url.isprintable() or " " in url or "\\" in url:
        raise BlockedTargetError(
            "The URL must have no spaces, backslashes, control or invisible characters; "
            "percent-encode them."
        )
    if "#" in url:
        raise BlockedTargetError("The URL must have no fragment (#…).")
    return url


def _split(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise BlockedTargetError("The URL must have no user name or password.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not match[1]:
        raise BlockedTargetError(_NOT_HTTPS)
    host, port = match.groups()
    if port is None:
        return host, None
    if not _PORT.fullmatch(port) or int(port) > PORT_MAX:
        raise BlockedTargetError("The port must be 443 or 8443.")
    return host, int(port)


def _public_host(written: str, policy: EgressPolicy) -> str:
    if written.startswith("["):
        return _ipv6_literal(written[1:-1])
    host = written.lower() if written.isascii() else _a_labels(written)
    labels = host.split(".")
    if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise BlockedTargetError(_NOT_A_NAME)
    # Whatever ends in a number is an IPv4 address to somebody: 127.1, 0x7f.1 and 2130706433 all
    # reach loopback (https://url.spec.whatwg.org/#ends-in-a-number-checker). One form is taken,
    # and only as it stands: digits that appear through mapping are a disguise.
    if _NUMERIC_LABEL.fullmatch(labels[-1]):
        return _ipv4_literal(host if written.isascii() else "")
    if len(labels) == 1 or labels[-1] in _SPECIAL_USE_SUFFIXES:
        raise BlockedTargetError("The host must be a name in the public DNS.")
    if host in policy.forbidden_hosts:
        raise BlockedTargetError("Webhooks to this service itself are not allowed.")
    _check_punycode(labels)
    return host


def _a_labels(host: str) -> str:
    if len(host) > HOST_CHARACTERS_MAX:  # before, not after: encoding a long name is slow
        raise BlockedTargetError(_NOT_A_NAME)
    try:
        return idna.encode(host, uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError as error:  # idna's own errors are of this kind
        raise BlockedTargetError(_NOT_A_NAME) from error


def _check_punycode(labels: list[str]) -> None:
    """Refuse `xn--` labels that no name has, which other software may read as something else."""
    try:
        for label in labels:
            if label.startswith("xn--"):
                idna.ulabel(label)
    except UnicodeError as error:
        raise BlockedTargetError(_NOT_A_NAME) from error


def _ipv4_literal(host: str) -> str:
    try:
        address = IPv4Address(host)  # four decimal numbers, and none with a leading zero
    except ValueError as error:
        raise BlockedTargetError(_NOT_PUBLIC) from error
    check_address(str(address))
    return str(address)


def _ipv6_literal(written: str) -> str:
    try:
        address = IPv6Address(written)
    except ValueError as error:
        raise BlockedTargetError(_NOT_PUBLIC) from error
    check_address(str(address))
    return str(address)


def _wire_path(path: str, query: str) -> str:
    return quote(path or "/", safe=_PATH_SAFE) + quote(query, safe=_PATH_SAFE)


def check_address(address: str) -> None:
    """Refuse every address that is not a public unicast one on the Internet.

    Raises:
        BlockedTargetError: It is not, or is not an address at all.
    """
    try:
        number = ip_address(address)
    except ValueError as error:
        raise BlockedTargetError(_NOT_PUBLIC) from error
    if not (_is_public_v4(number) if isinstance(number, IPv4Address) else _is_public_v6(number)):
        raise BlockedTargetError(_NOT_PUBLIC)


def _is_public_v4(number: IPv4Address) -> bool:
    return number.is_global and not any(number in network for network in _IPV4_DENIED)


def _is_public_v6(number: IPv6Address) -> bool:
    if number.scope_id is not None:  # fe80::1%eth0: an address of this machine's links
        return False
    is_unicast = number in _IPV6_GLOBAL_UNICAST
    return is_unicast and not any(number in network for network in _IPV6_DENIED)
