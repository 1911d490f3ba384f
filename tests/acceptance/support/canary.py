"""The secrets of a deployment, and every form in which each may appear."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from tests.acceptance.support.searcher import Patterns

# Only a part of a longer secret is searched for, so that a line break splits each form at most once.
LONGEST = 40

PASSWORD, KEY = "password", "key"
# Type -> outputs that are secrets themselves.
SECRETS = {
    "random:index/randomPassword:RandomPassword": {"result": PASSWORD, "bcryptHash": PASSWORD},
    "tls:index/privateKey:PrivateKey": {
        "privateKeyOpenssh": KEY,
        "privateKeyPem": KEY,
        "privateKeyPemPkcs8": KEY,
    },
    "openstack:identity/applicationCredential:ApplicationCredential": {"secret": PASSWORD},
    "openstack:identity/user:User": {"password": PASSWORD},
    "openstack:compute/instance:Instance": {"adminPass": PASSWORD},
}
# Properties that are secret only because they contain, or may contain, one of those.
CARRIERS = {
    "command:remote:Command": {"connection", "stdin", "stdout", "stderr"},
    "openstack:compute/instance:Instance": {"userData"},
    "tls:index/certRequest:CertRequest": {"privateKeyPem"},
    "tls:index/locallySignedCert:LocallySignedCert": {"caPrivateKeyPem"},
    "tls:index/selfSignedCert:SelfSignedCert": {"privateKeyPem"},
    "pulumi:pulumi:Stack": {"ssh_private_key"},
}
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def of_stack(exported: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """Name of a resource -> its secrets, from what `pulumi stack export --show-secrets` prints.

    An AssertionError names a secret value that the search does not cover.
    """
    secrets: dict[str, dict[str, bytes]] = {}
    unknown = set()
    for resource in exported["deployment"]["resources"]:
        type_, name = resource["type"], resource["urn"].rsplit("::", 1)[1]
        for key, value in {**resource.get("inputs", {}), **resource.get("outputs", {})}.items():
            kind = SECRETS.get(type_, {}).get(key)
            for text in () if key in CARRIERS.get(type_, ()) else secret_values(value):
                if kind is None:
                    unknown.add(f"{type_}.{key}")
                elif text:
                    parts = of_key(key, text) if kind == KEY else {key: text.encode()}
                    secrets.setdefault(name, {}).update(parts)
    assert not unknown, f"secrets in the state that the canary test does not know: {sorted(unknown)}"
    return secrets


def secret_values(value: Any) -> Iterator[Any]:
    """The secret parts of an input or output, which may be secret as a whole."""
    if isinstance(value, dict) and value.get(SIGNATURE) == SECRET:
        yield json.loads(value["plaintext"])
    elif isinstance(value, (dict, list)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from secret_values(part)


def of_key(name: str, text: str) -> dict[str, bytes]:
    """The bytes that make a private key one, in any file format, and the line of its PEM file with most of them."""
    load = load_ssh_private_key if "OPENSSH" in text.splitlines()[0] else load_pem_private_key
    key = load(text.encode(), password=None)
    if isinstance(key, EllipticCurvePrivateKey):
        seed = key.private_numbers().private_value.to_bytes(-(-key.key_size // 8))
    else:
        assert isinstance(key, Ed25519PrivateKey), (
            f"{name} is of a kind that the canary test cannot take apart"
        )
        seed = key.private_bytes_raw()
    return {"seed": seed, f"{name}, a line": line_with(seed, text)}


def line_with(seed: bytes, text: str) -> bytes:
    """The line of a PEM file that contains the middle of `seed`."""
    lines = [line for line in text.splitlines() if line and not line.startswith("-")]
    middle = base64.b64decode("".join(lines)).index(seed) + len(seed) // 2
    return lines[middle * 4 // 3 // len(lines[0])].encode()


def patterns(secrets: Mapping[str, Mapping[str, bytes]]) -> Patterns:
    """The patterns to search for: all forms of each secret."""
    return {
        name: {
            f"{part}, {form}": pattern
            for part, value in parts.items()
            for form, pattern in forms(value).items()
        }
        for name, parts in secrets.items()
    }


def forms(value: bytes) -> dict[str, bytes]:
    """The forms that differ from all forms before them."""
    first = max(0, (len(value) - LONGEST) // 2)
    value = value[first : first + LONGEST]
    distinct: dict[str, bytes] = {}
    for name, form in all_forms(value):
        if form not in distinct.values():
            distinct[name] = form
    return distinct


def all_forms(value: bytes) -> Iterator[tuple[str, bytes]]:
    yield "plain", value
    for offset in range(3):
        standard = base64_at(offset, value)
        yield f"base64 at {offset}", standard
        yield f"base64url at {offset}", standard.translate(bytes.maketrans(b"+/", b"-_"))
    yield "url-encoded", quote(value, safe="").encode()
    yield "url-encoded but for slashes", quote(value).encode()
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    if value.isascii() and (text := value.decode()).isprintable():
        yield "JSON", json.dumps(text)[1:-1].encode()
        yield "JSON in JSON", json.dumps(json.dumps(text)[1:-1])[1:-1].encode()


def base64_at(offset: int, value: bytes) -> bytes:
    """The base64 of `value` at a position of `offset` bytes after a multiple of three in any text, without the
    characters that also depend on the neighbouring bytes.
    """
    encoded = base64.b64encode(bytes(offset) + value)
    return encoded[-(-8 * offset // 6) : 8 * (offset + len(value)) // 6]
