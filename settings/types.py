"""Types of settings: texts of a certain form, address ranges, files, and the base model."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

# No host outside can have such an address.
LINK_LOCAL = IPv4Network("169.254.0.0/16")
NOWHERE = {
    IPv4Network("0.0.0.0/8"): "addresses of no host",
    IPv4Network("127.0.0.0/8"): "each host's own loopback",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
NOT_A_NETWORK = {**NOWHERE, LINK_LOCAL: "link-local"}


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a line break or another character that cannot be printed; remove it")
    return text


def fits_oslo_config(text: str) -> str:
    # oslo.config reads \$ as a dollar sign, and has no notation for the two characters themselves.
    if not text.isprintable() or "\\$" in text:
        raise ValueError("line breaks, other control characters and \\$ cannot be written into congress.conf")
    return text


def _complete_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(
            "no URL: it takes http:// or https://, a host, and a port below 65536 if there is one"
        )
    return url


def _disjoint(cidrs: tuple[IPv4Network, ...]) -> tuple[IPv4Network, ...]:
    for one, other in combinations(cidrs, 2):
        if one.overlaps(other):
            raise ValueError(f"{one} and {other} overlap; each range must stand alone")
    return cidrs


def _somewhere(cidr: IPv4Network) -> IPv4Network:
    for nowhere, what in NOWHERE.items():
        if cidr.subnet_of(nowhere):
            raise ValueError(f"{cidr} is in {nowhere}, {what}: nothing outside has such an address")
    return cidr


def _of_hosts(cidr: IPv4Network) -> IPv4Network:
    for other, what in NOT_A_NETWORK.items():
        if cidr.overlaps(other):
            raise ValueError(f"{cidr} has addresses of {other}, {what}, which no network of hosts can have")
    return cidr


def _of_a_resolver(address: IPv4Address) -> IPv4Address:
    for nowhere, what in NOWHERE.items():
        if address in nowhere:
            raise ValueError(
                f"{address} is in {nowhere}, {what}; name a resolver that other hosts reach, such as the one that "
                "a resolver on this machine asks itself"
            )
    return address


def _certificates(path: Path) -> Path:
    try:
        text = path.read_text()
        x509.load_pem_x509_certificates(text.encode())
    except (FileNotFoundError, IsADirectoryError):
        raise ValueError(f"no file at {path} on this machine") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError(
            f"{path} is no PEM file of certificates (openssl x509 makes one of another form)"
        ) from None
    if "PRIVATE KEY-----" in text:
        raise ValueError(
            f"{path} holds a private key, which every host would get; name a file of certificates alone"
        )
    return path


Name = Annotated[str, Field(min_length=1), AfterValidator(_printable)]
# One part of a DNS name.
LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
# A text that is written into congress.conf.
OsloName = Annotated[str, Field(min_length=1), AfterValidator(fits_oslo_config)]
# The document's example of an operation's interval and timeout: "30s".
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,3}(s|min)$")]
NodeId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)]
AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$")]
# A # starts a comment in apt's files, and no mirror, index or proxy has a fragment.
Url = Annotated[
    str, Field(pattern=r"^https?://[^\s'\"#]+$"), AfterValidator(_printable), AfterValidator(_complete_url)
]
Cidr = Annotated[IPv4Network, AfterValidator(_somewhere)]
Cidrs = Annotated[tuple[Cidr, ...], Field(min_length=1), AfterValidator(_disjoint)]
HostsCidr = Annotated[IPv4Network, AfterValidator(_of_hosts)]
Resolver = Annotated[IPv4Address, AfterValidator(_of_a_resolver)]
CertificateFile = Annotated[Path, AfterValidator(_certificates)]


class Model(BaseModel):
    """Base model: frozen, with camelCase keys, and strict (an unknown key or a value of another type is an error)."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True
    )
