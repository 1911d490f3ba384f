"""Settings of HTTPS at the endpoint: its name, and its certificate if the stack's authority does not sign one."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import Field, SecretStr, field_validator, model_validator

from settings.types import LABEL, Model

# The last label starts with a letter, so an IP address does not match.
HostName = Annotated[str, Field(pattern=rf"^({LABEL}\.)*[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=253)]
RSA_BITS = 2048  # OpenSSL on the load balancer refuses shorter keys


class Tls(Model):
    """The endpoint accepts only HTTPS. Without a certificate here, the stack's own authority signs one."""

    endpoint_name: HostName | None = Field(
        None,
        description="DNS name of the endpoint, lower case; its address if it is not set",
        examples=["congress.example.org"],
    )
    certificate: str | None = Field(
        None,
        description="PEM: the endpoint's certificate, then those between it and a root",
        examples=['-- "$(cat chain.pem)"'],
    )
    private_key: SecretStr | None = Field(
        None, description="its key, PEM, not encrypted", examples=["< key.pem"]
    )

    @field_validator("certificate")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                _chain(value)
            except ValueError:
                raise ValueError("no PEM text of certificates") from None
        return value

    @field_validator("private_key")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return value
        try:
            key = load_pem_private_key(value.get_secret_value().encode(), None)
        except TypeError:
            raise ValueError(
                "the key is encrypted, and nobody tells HAProxy its passphrase: decrypt it first (openssl pkey)"
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("no PEM text of a private key") from None
        if isinstance(key, RSAPrivateKey) and key.key_size < RSA_BITS:
            raise ValueError(f"an RSA key of {key.key_size} bits; it takes {RSA_BITS} or more")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.certificate is None and self.private_key is None:
            return self
        if self.certificate is None or self.private_key is None:
            raise ValueError(
                "certificate and privateKey belong together: set both, or neither for one that the stack makes"
            )
        if self.endpoint_name is None:
            raise ValueError("a certificate is for a name: set endpointName to one that it has")
        key = self.private_key.get_secret_value()
        if problem := certificate_problem(self.certificate, key, self.endpoint_name):
            raise ValueError(problem)
        return self


def certificate_problem(certificate: str, key: str, name: str) -> str:
    """Why clients would refuse the endpoint `name` with these PEM texts, "" if they would accept it."""
    chain, now = _chain(certificate), datetime.now(UTC)
    if chain[0].public_key() != load_pem_private_key(key.encode(), None).public_key():
        return "privateKey is not that of the first certificate; the endpoint's own must come first"
    for one in chain:
        subject = one.subject.rfc4514_string()
        if one.not_valid_after_utc <= now:
            return f"certificate: that of {subject} ended at {one.not_valid_after_utc}"
        if one.not_valid_before_utc > now:
            return f"certificate: that of {subject} begins at {one.not_valid_before_utc}"
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature):
            return (
                f"certificate: that of {lower.subject.rfc4514_string()} is not signed by the next, "
                f"{upper.subject.rfc4514_string()}; each must be followed by its issuer's"
            )
    names = _names(chain[0])
    if not {name, f"*.{name.partition('.')[2]}"} & set(names):
        return f"certificate does not name endpointName {name}, but {', '.join(names) or 'nothing'}"
    return ""


def _chain(certificate: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(certificate.encode())


def _names(certificate: x509.Certificate) -> list[str]:
    """The DNS names in lower case. Clients no longer use the common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in names.value.get_values_for_type(x509.DNSName)]
