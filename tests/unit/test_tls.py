"""The stack's certificate authority, and the endpoint's certificate: its own, or that of the settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

import settings
from components.database import TIMEOUTS
from components.foundation import authority
from settings import SettingsError
from tests.support.certificates import Signed
from tests.support.certificates import authority as an_authority
from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording

NAME = "congress.example.org"
SIGNED = "tls:index/locallySignedCert:LocallySignedCert"
ROOT = an_authority("a root")
BETWEEN = ROOT.sign("between", authority=True)
GIVEN = BETWEEN.sign("endpoint", [NAME])


def given(
    signed: Signed = GIVEN, *, key: str = "", chain: str | None = None, name: str | None = NAME
) -> dict[str, Any]:
    """Settings with a certificate, its key and its chain."""
    tls = {
        "endpointName": name,
        "certificate": signed.pem + (BETWEEN.pem if chain is None else chain),
        "privateKey": key or signed.key,
    }
    return recorded.settings_with(tls={name: value for name, value in tls.items() if value})


def problem(values: Mapping[str, Any]) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.parse({k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()})
    (message,) = caught.value.problems
    return message


@pytest.fixture(scope="module")
def with_given() -> Recording:
    return recorded.run(given())


def endpoint_script(recording: Recording) -> str:
    return str(recording.step("load-balancer-haproxy").inputs["stdin"])


def test_clients_get_the_authority_that_signed_the_endpoint(recording: Recording) -> None:
    certificate = recording.by_name("endpoint-certificate", SIGNED)
    assert recording.outputs["ca_certificate"] == certificate.inputs["caCertPem"]
    assert certificate.inputs["caCertPem"] == "certificate-of-authority-certificate\n"
    assert certificate.inputs["certRequestPem"] == "request-of-endpoint-request\n"
    identity = "certificate-of-endpoint-certificate\nCANARY-private-key-of-endpoint-key\n"
    assert identity in endpoint_script(recording)


def test_the_endpoint_is_named_by_what_clients_reach_it_at(recording: Recording) -> None:
    request = recording.by_name("endpoint-request").inputs
    address = recording.outputs["endpoint_address"]
    assert recording.outputs["endpoint"] == f"https://{address}:1789"
    assert request["ipAddresses"] == [address, recording.outputs["hosts"]["load-balancer"]["address"]]
    assert "dnsNames" not in request
    assert f"https://{address}:1789/health" in endpoint_script(recording)


def test_with_a_name_the_endpoint_has_it_everywhere() -> None:
    keystone = recorded.settings_with(auth="keystone", tls={"endpointName": NAME})
    recording = recorded.run(keystone, recorded.WITH_KEYSTONE)
    assert recording.outputs["endpoint"] == f"https://{NAME}:1789"
    assert recording.by_name("endpoint-request").inputs["dnsNames"] == [NAME]
    for interface in ("public", "internal", "admin"):
        assert recording.by_name(f"catalog-{interface}").inputs["url"] == f"https://{NAME}:1789"


def test_a_given_certificate_is_the_endpoint_s_and_its_authority_the_clients_affair(
    with_given: Recording,
) -> None:
    assert with_given.outputs["ca_certificate"] == ""
    assert with_given.outputs["endpoint"] == f"https://{NAME}:1789"
    assert GIVEN.pem + BETWEEN.pem + GIVEN.key in endpoint_script(with_given)
    assert "stdin" in with_given.step("load-balancer-haproxy").secrets
    assert "endpoint-certificate" not in {r.name for r in with_given.resources.values()}


@pytest.mark.parametrize(
    ("name", "step", "connection"),
    [
        (
            "database",
            "database-mariadb",
            f"@{{}}/congress?charset=utf8&{TIMEOUTS}&ssl_ca={{}}&ssl_check_hostname=true\n",
        ),
        ("messaging", "messaging-rabbitmq", "@{}:5671\n"),
    ],
)
def test_database_and_bus_are_known_by_the_address_that_congress_connects_to(
    recording: Recording, name: str, step: str, connection: str
) -> None:
    address = recording.outputs["hosts"][name]["address"]
    assert recording.by_name(f"{name}-request").inputs["ipAddresses"] == [address]
    script = recording.step(step).inputs["stdin"]
    assert f"certificate-of-{name}-certificate\nCANARY-private-key-of-{name}-key\n" in script
    for host in ("datasource-1", "datasource-2", "policy-engine-host-1", "policy-engine-host-2"):
        configuration = recording.step(f"{host}-configuration").inputs["stdin"]
        assert connection.format(address, authority.CA_FILE) in configuration
        assert f"ssl = True\nssl_ca_file = {authority.CA_FILE}\n" in configuration
        assert f'put_file "{authority.CA_FILE}" root:root 0644' in configuration
        assert "\ncertificate-of-authority-certificate\n" in configuration


def test_the_authority_s_key_is_on_no_host(recording: Recording) -> None:
    key = "CANARY-private-key-of-authority-key"
    assert not any(key in step.inputs["stdin"] for step in recording.steps())
    assert recording.by_name("authority-certificate").inputs["privateKeyPem"] == f"{key}\n"


def test_no_certificate_outlives_its_authority(recording: Recording) -> None:
    assert authority.CERTIFICATE_HOURS <= authority.AUTHORITY_EARLY_HOURS
    root = recording.by_name("authority-certificate").inputs
    assert root["isCaCertificate"] is True
    assert root["validityPeriodHours"] > root["earlyRenewalHours"] > 0
    for certificate in recording.of_type(SIGNED):
        assert certificate.inputs["validityPeriodHours"] == authority.CERTIFICATE_HOURS
        assert certificate.inputs["earlyRenewalHours"] == authority.CERTIFICATE_EARLY_HOURS
        assert certificate.inputs["allowedUses"] == ["digital_signature", "server_auth"]


def rsa_key(bits: int, password: bytes = b"") -> str:
    hidden = BestAvailableEncryption(password) if password else NoEncryption()
    key = rsa.generate_private_key(65537, bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


DAY = timedelta(days=1)
WRONG = {
    "no certificate": (
        recorded.settings_with(tls={"endpointName": NAME, "privateKey": GIVEN.key}),
        "congress-ha:tls: certificate and privateKey belong together: set both, or neither",
    ),
    "no key": (
        recorded.settings_with(tls={"endpointName": NAME, "certificate": GIVEN.pem}),
        "congress-ha:tls: certificate and privateKey belong together: set both, or neither",
    ),
    "no name": (given(name=None), "congress-ha:tls: a certificate is for a name: set endpointName"),
    "an address for a name": (
        recorded.settings_with(tls={"endpointName": "192.0.2.7"}),
        "congress-ha:tls.endpointName: ",
    ),
    "text": (
        recorded.settings_with(tls={"certificate": "CANARY"}),
        "congress-ha:tls.certificate: no PEM text of certificates",
    ),
    "key text": (given(key="CANARY"), "congress-ha:tls.privateKey: no PEM text of a private key"),
    "encrypted": (given(key=rsa_key(2048, b"CANARY")), "congress-ha:tls.privateKey: the key is encrypted"),
    "short": (given(key=rsa_key(1024)), "congress-ha:tls.privateKey: an RSA key of 1024 bits; it takes 2048"),
    "another key": (given(key=ROOT.key), "congress-ha:tls: privateKey is not that of the first certificate"),
    "expired": (
        given(BETWEEN.sign("endpoint", [NAME], begins=-2 * DAY, ends=-DAY)),
        "congress-ha:tls: certificate: that of CN=endpoint ended at ",
    ),
    "not yet": (
        given(BETWEEN.sign("endpoint", [NAME], begins=DAY, ends=2 * DAY)),
        "congress-ha:tls: certificate: that of CN=endpoint begins at ",
    ),
    "a gap": (
        given(chain=ROOT.pem),
        "congress-ha:tls: certificate: that of CN=endpoint is not signed by the next",
    ),
    "another name": (
        given(BETWEEN.sign("endpoint", ["a.example.org", "*.b.example.org"])),
        f"congress-ha:tls: certificate does not name endpointName {NAME}, but a.example.org, *.b.example.org",
    ),
    "no names": (given(BETWEEN.sign(NAME)), f"certificate does not name endpointName {NAME}, but nothing"),
}


@pytest.mark.parametrize(("values", "expected"), WRONG.values(), ids=WRONG)
def test_certificates_that_clients_would_refuse_are_refused_before_the_run(
    values: dict[str, Any], expected: str
) -> None:
    message = problem(values)
    assert expected in message
    assert "PRIVATE" not in message
    assert "CANARY" not in message


@pytest.mark.parametrize(
    "values",
    [
        given(),
        given(chain=BETWEEN.pem + ROOT.pem),
        given(ROOT.sign("endpoint", ["*.example.org"]), chain=""),
        given(ROOT.sign("endpoint", ["Congress.Example.ORG"]), chain="\r\n"),
    ],
)
def test_a_whole_identity_is_taken(values: dict[str, Any]) -> None:
    parsed = settings.parse({k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()})
    assert parsed.tls.endpoint_name == NAME
