"""TLS is with the name while the number is dialled, tried against a real server."""

import asyncio
import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import override

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from relay.adapters.pinned_network import PinnedBackend
from relay.adapters.webhook_http import HttpWebhookSender, trusted_authorities
from relay.domain.egress import EgressPolicy
from relay.domain.webhook_exchange import WebhookAnswer, WebhookFailure, WebhookRequest
from tests.integration.webhook_receiver import Receiver, answering

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2091, 1, 1, tzinfo=UTC)
HOST = "hooks.example.com"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@dataclass(frozen=True)
class Authority:
    """Signs certificates that only a context made by `trusting` accepts."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @staticmethod
    def create() -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Test Authority")
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _certificate(name, name, key, until=FAR_AHEAD)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        return Authority(key, certificate)

    def trusting(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def serving_as(
        self, host: str, directory: Path, *, until: datetime = FAR_AHEAD
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _certificate(_name(host), self.certificate.subject, key, until=until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .sign(self.key, hashes.SHA256())
        )
        chain = directory / "server.pem"
        chain.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(LONG_AGO)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


class ForwardingNetwork(httpcore.AsyncNetworkBackend):
    """Dials a port that a test may listen on, and remembers the one that was asked for."""

    def __init__(self, port: int) -> None:
        self.dialled: list[tuple[str, int]] = []
        self._port = port
        self._network: httpcore.AsyncNetworkBackend = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.dialled.append((host, port))
        return await self._network.connect_tcp(
            host,
            self._port,
            timeout=timeout,
            local_address=local_address,
            socket_options=socket_options,
        )


async def _loopback(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


def allow_any(_address: str) -> None:
    """Stand in for the check of addresses: loopback is all that a test can listen on."""


async def post(
    port: int, tls: ssl.SSLContext, *, within: timedelta = timedelta(seconds=15)
) -> tuple[WebhookAnswer, list[tuple[str, int]]]:
    network = ForwardingNetwork(port)
    policy = EgressPolicy()
    backend = PinnedBackend(policy, resolver=_loopback, check=allow_any, network=network)
    sender = HttpWebhookSender(policy, backend, now=lambda: NOON, timeout=within, tls=lambda: tls)
    answer = await sender.post(WebhookRequest(f"https://{HOST}/hook", {}, b"{}"))
    return answer, network.dialled


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


def test_tls_and_the_host_header_carry_the_name_while_the_number_is_dialled(
    authority: Authority, tmp_path: Path
) -> None:
    names: list[str | None] = []
    server = authority.serving_as(HOST, tmp_path)
    server.sni_callback = lambda _socket, name, _context: names.append(name)

    async def scenario() -> tuple[WebhookAnswer, list[tuple[str, int]], list[bytes]]:
        receiver = Receiver(answering(OK))
        async with receiver.serving(server):
            return *await post(receiver.port, authority.trusting()), receiver.requests

    answer, dialled, requests = asyncio.run(scenario())

    assert answer.status_code == 200
    assert dialled == [("127.0.0.1", 443)]
    assert names == [HOST]
    assert b"\r\nhost: hooks.example.com\r\n" in requests[0]


def refused_by(server: ssl.SSLContext, client: ssl.SSLContext) -> WebhookFailure | None:
    async def scenario() -> tuple[WebhookAnswer, list[bytes]]:
        receiver = Receiver(answering(OK))
        async with receiver.serving(server):
            answer, _ = await post(receiver.port, client)
            return answer, receiver.requests

    answer, requests = asyncio.run(scenario())
    assert requests == []
    return answer.failure


def test_a_certificate_for_another_name_fails(authority: Authority, tmp_path: Path) -> None:
    server = authority.serving_as("other.example.com", tmp_path)

    assert refused_by(server, authority.trusting()) is WebhookFailure.TLS_FAILED


def test_a_certificate_for_the_number_dialled_fails(authority: Authority, tmp_path: Path) -> None:
    server = authority.serving_as("127.0.0.1", tmp_path)

    assert refused_by(server, authority.trusting()) is WebhookFailure.TLS_FAILED


def test_an_expired_certificate_fails(authority: Authority, tmp_path: Path) -> None:
    server = authority.serving_as(HOST, tmp_path, until=LONG_AGO + timedelta(days=1))

    assert refused_by(server, authority.trusting()) is WebhookFailure.TLS_FAILED


def test_an_unknown_authority_fails(authority: Authority, tmp_path: Path) -> None:
    server = authority.serving_as(HOST, tmp_path)

    assert refused_by(server, trusted_authorities()) is WebhookFailure.TLS_FAILED


def test_a_receiver_that_wants_our_certificate_fails(authority: Authority, tmp_path: Path) -> None:
    server = authority.serving_as(HOST, tmp_path)
    server.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 refuses later, and often by a reset
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(
        cadata=authority.certificate.public_bytes(serialization.Encoding.PEM).decode()
    )

    assert refused_by(server, authority.trusting()) is WebhookFailure.TLS_FAILED


def met_by(
    greeting: bytes | None, client: ssl.SSLContext, within: timedelta
) -> WebhookFailure | None:
    """Post to a server that greets in plain text and hangs up, or says nothing at all."""

    async def scenario() -> WebhookFailure | None:
        stopping = asyncio.Event()

        async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if greeting is None:
                await stopping.wait()
            else:
                writer.write(greeting)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            answer, _ = await post(server.sockets[0].getsockname()[1], client, within=within)
            stopping.set()
            return answer.failure

    return asyncio.run(scenario())


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_server_that_does_not_speak_tls_fails(authority: Authority, greeting: bytes) -> None:
    failure = met_by(greeting, authority.trusting(), timedelta(seconds=15))

    assert failure is WebhookFailure.TLS_FAILED


def test_a_handshake_that_never_ends_is_a_timeout_and_leaves_no_connection_open(
    authority: Authority,
) -> None:
    """An open one would be reported when it is collected, and fail the run."""
    failure = met_by(None, authority.trusting(), timedelta(milliseconds=50))

    assert failure is WebhookFailure.TIMEOUT


def test_the_context_is_one_and_it_verifies() -> None:
    context = trusted_authorities()

    assert context is trusted_authorities()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.cert_store_stats()["x509_ca"] > 50
