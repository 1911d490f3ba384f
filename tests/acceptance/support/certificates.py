"""Certificates that the stack's servers present."""

from __future__ import annotations

import ssl

from tests.acceptance.support.deployment import Deployment

# Role -> how openssl on an engine's host asks for its certificate.
INSIDE = {"database": ("3306", "-starttls mysql"), "messaging": ("5671", "")}


def shown(deployment: Deployment) -> dict[str, str]:
    """Certificates that new connections get; those inside the deployment are verified as Congress does it."""
    host, port = deployment.endpoint.removeprefix("https://").split(":")
    certificates = {"endpoint": ssl.get_server_certificate((host, int(port)))}
    engine = deployment.engines[0]["host"]
    for role, (number, protocol) in INSIDE.items():
        for name in deployment.hosts(role):
            address = deployment.outputs["hosts"][name]["address"]
            verified = f"-CAfile /etc/congress-ha/ca.pem -verify_return_error -verify_ip {address} -tls1_3"
            asked = f"openssl s_client -connect {address}:{number} {protocol} {verified} < /dev/null"
            certificates[name] = deployment.on(engine, f"{asked} 2>&1 | openssl x509") + "\n"
    return certificates
