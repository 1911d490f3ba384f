"""Certificates that tests create: authorities, and certificates that they sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Signed:
    """A certificate and its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey

    @cached_property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @cached_property
    def key(self) -> str:
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(
        self,
        name: str,
        names: Sequence[str] = (),
        addresses: Sequence[str] = (),
        *,
        authority: bool = False,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
    ) -> Signed:
        """A certificate that this one signs; `begins` and `ends` count from now."""
        return _signed(self, name, names, addresses, authority=authority, begins=begins, ends=ends)


def authority(name: str = "an authority") -> Signed:
    return _signed(None, name, (), (), authority=True, begins=-DAY, ends=DAY)


def _signed(
    issuer: Signed | None,
    name: str,
    names: Sequence[str],
    addresses: Sequence[str],
    *,
    authority: bool,
    begins: timedelta,
    ends: timedelta,
) -> Signed:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    alternatives: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
    alternatives += [x509.IPAddress(ip_address(one)) for one in addresses]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return Signed(builder.sign(issuer.private_key if issuer else key, SHA256()), key)
