"""Secrets, keys, certificates and commands; the variable PHASE changes the program between two updates."""

import os

import pulumi
import pulumi_random as random
import pulumi_tls as tls
from pulumi_command import local, remote

phase = os.environ["PHASE"]

password = random.RandomPassword("password", length=40, special=False)
secret = random.RandomBytes("secret", length=32)
key = tls.PrivateKey("key", algorithm="ED25519")
ca_key = tls.PrivateKey("ca", algorithm="ECDSA", ecdsa_curve="P256")
ca = tls.SelfSignedCert(
    "ca",
    private_key_pem=ca_key.private_key_pem,
    is_ca_certificate=True,
    allowed_uses=["cert_signing"],
    validity_period_hours=24,
    subject=tls.SelfSignedCertSubjectArgs(common_name="ca"),
)
request = tls.CertRequest("leaf", private_key_pem=key.private_key_pem, dns_names=["leaf.example"])
leaf = tls.LocallySignedCert(
    "leaf",
    cert_request_pem=request.cert_request_pem,
    ca_cert_pem=ca.cert_pem,
    ca_private_key_pem=ca_key.private_key_pem,
    allowed_uses=["server_auth"],
    validity_period_hours=12,
)
updated = local.Command(
    "updated",
    create="cat",
    update="cat; echo again",
    stdin=password.result.apply(lambda text: f"{phase} {text}\n"),
    logging=local.Logging.NONE,
    add_previous_output_in_env=False,
    opts=pulumi.ResourceOptions(additional_secret_outputs=["stdout"]),
)
replaced = local.Command("replaced", create="echo made", update="echo updated", triggers=[phase])
if phase == "wrong":
    connection = {"host": "127.0.0.1", "privateKey": key.private_key_openssh, "hostKeys": "x"}
    remote.Command("wrong", connection=connection, create="true")  # type: ignore[call-overload]

pulumi.export("password", password.result)
pulumi.export("secret", secret.base64)
pulumi.export("key", key.private_key_openssh)
pulumi.export("leaf", leaf.cert_pem)
pulumi.export("updated", updated.stdout)
pulumi.export("replaced", replaced.id)
