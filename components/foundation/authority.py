"""The stack's own certificate authority. Its key is only in the state, not on a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from settings import of_generation

# File of the authority's certificate on hosts.
CA_FILE = "/etc/congress-ha/ca.pem"

YEAR = 365 * 24  # hours

# The first `up` within the EARLY hours before the end renews a certificate. None outlives the authority that signed it.
AUTHORITY_HOURS, AUTHORITY_EARLY_HOURS = 10 * YEAR, 3 * YEAR
CERTIFICATE_HOURS, CERTIFICATE_EARLY_HOURS = 2 * YEAR, 1 * YEAR


@dataclass(frozen=True)
class Certificate:
    """PEM texts: a server's certificate with the intermediate ones, and its key."""

    chain: pulumi.Output[str]
    key: pulumi.Output[str]

    @property
    def identity(self) -> pulumi.Output[str]:
        """Chain and key in one text, for one file: so no server reads an old certificate with a new key."""
        return pulumi.Output.concat(self.chain, self.key)


class Authority(pulumi.ComponentResource):
    """`certificate`: PEM, for clients. `generation`: of the servers' keys and certificates.

    A renewal keeps the authority's key, so clients with the old certificate trust what the authority signs afterwards.
    """

    certificate: pulumi.Output[str]

    def __init__(
        self, name: str, prefix: str, generation: int, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Authority", name, None, opts)
        self.generation = generation
        self.key = self._private_key(f"{name}-key")
        self.root = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=self.key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(common_name=f"authority of {prefix}"),
            is_ca_certificate=True,
            # Strict clients, such as Python 3.13, require the key identifier.
            set_subject_key_id=True,
            allowed_uses=["cert_signing", "crl_signing"],
            validity_period_hours=AUTHORITY_HOURS,
            early_renewal_hours=AUTHORITY_EARLY_HOURS,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.certificate = self.root.cert_pem
        self.register_outputs({})

    def sign(
        self,
        name: str,
        common_name: str,
        *,
        names: Sequence[pulumi.Input[str]] = (),
        addresses: Sequence[pulumi.Input[str]],
        is_client: bool = False,
    ) -> Certificate:
        """A certificate for a server with these DNS names and addresses, which may also be a client of others."""
        key = self._private_key(of_generation(f"{name}-key", self.generation))
        request = tls.CertRequest(
            of_generation(f"{name}-request", self.generation),
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(common_name=common_name),
            dns_names=list(names) or None,
            ip_addresses=list(addresses),
            opts=pulumi.ResourceOptions(parent=self),
        )
        certificate = tls.LocallySignedCert(
            of_generation(f"{name}-certificate", self.generation),
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=self.key.private_key_pem,
            ca_cert_pem=self.root.cert_pem,
            allowed_uses=["digital_signature", "server_auth", *(["client_auth"] if is_client else [])],
            validity_period_hours=CERTIFICATE_HOURS,
            early_renewal_hours=CERTIFICATE_EARLY_HOURS,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return Certificate(certificate.cert_pem, key.private_key_pem)

    def _private_key(self, name: str) -> tls.PrivateKey:
        return tls.PrivateKey(
            name, algorithm="ECDSA", ecdsa_curve="P256", opts=pulumi.ResourceOptions(parent=self)
        )
