"""Settings of services that the operator already has, and that the stack uses in place of its own.

Their secrets stay SecretStr until a component of the running program wraps them in an Output. An Output that is made
anywhere else belongs to no program, and a program that runs later would wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, SecretStr, field_validator

from roles import AMQPS, MYSQL
from settings.types import LABEL, CertificateFile, Cidrs, Model, Name, Url

if TYPE_CHECKING:
    from settings.model import Settings


def _server(text: str) -> str:
    """A text of digits and dots is an address: no DNS name ends in a label of digits."""
    if text.rpartition(".")[2].isdigit():
        try:
            IPv4Address(text)
        except ValueError:
            raise ValueError("no DNS name in lower case and no IPv4 address") from None
    return text


ServerName = Annotated[str, Field(pattern=rf"^({LABEL}\.)*{LABEL}$", max_length=253), AfterValidator(_server)]
Port = Annotated[int, Field(ge=1, le=65535)]
Password = Annotated[SecretStr, Field(min_length=1, description="its password", examples=[""])]
CA = "PEM file on this machine: the authority of its certificate"


class Server(Model):
    host: ServerName = Field(
        description="its DNS name or IPv4 address, as in its certificate", examples=["db.example.org"]
    )

    port: Port

    @property
    def range(self) -> IPv4Network | None:
        """The range that contains only its address; None if the settings name it by DNS."""
        try:
            return IPv4Network(self.host)
        except ValueError:
            return None


class ExternalDatabase(Server):
    """A database of MariaDB or MySQL with a user that may use it."""

    port: Port = Field(MYSQL, description="its port", examples=[3306])
    name: str = Field(
        "congress",
        pattern=r"^[A-Za-z0-9_-]+$",
        max_length=64,
        description="the database on that server, for this stack alone",
        examples=["congress"],
    )
    user: Name = Field(description="user that Congress logs in as", examples=["congress"])
    password: Password
    ca: CertificateFile = Field(description=CA, examples=["/etc/ssl/site-ca.pem"])

    @property
    def place(self) -> str:
        return f"{self.host}:{self.port}/{self.name}"


class Broker(Server):
    port: Port = Field(AMQPS, description="its port of AMQP over TLS", examples=[5671])

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class ExternalMessaging(Model):
    """A RabbitMQ, or the members of one cluster of it. Every queue is a quorum queue."""

    hosts: tuple[Broker, ...] = Field(
        min_length=1,
        description="its hosts, members of one cluster",
        examples=[[{"host": "mq1.example.org"}]],
    )
    vhost: Name = Field("/", description="virtual host, for this stack alone", examples=["congress"])
    user: Name = Field(description="user that Congress logs in as", examples=["congress"])
    password: Password
    ca: CertificateFile = Field(description=CA, examples=["/etc/ssl/site-ca.pem"])

    @field_validator("hosts")
    @classmethod
    def _once(cls, value: tuple[Broker, ...]) -> tuple[Broker, ...]:
        for broker in value:
            if value.count(broker) > 1:
                raise ValueError(f"{broker} is listed twice; list each host once")
        return value

    @property
    def place(self) -> str:
        return ", ".join(map(str, self.hosts))


def _https(url: str) -> str:
    if not url.startswith("https://"):
        raise ValueError("tokens and policies would cross the network unencrypted: it takes https://")
    return url.rstrip("/")


class ExternalLoadBalancer(Model):
    """What it must do is in the stack's output load_balancer."""

    endpoint: Annotated[Url, AfterValidator(_https)] = Field(
        description="URL at which it serves the API", examples=["https://congress.example.org:1789"]
    )
    cidrs: Cidrs = Field(
        description="ranges from which it reaches the engines, whose ports have no TLS",
        examples=[["192.0.2.0/28"]],
    )
    ca: CertificateFile | None = Field(
        None,
        description="PEM file on this machine: the authority of its certificate, if this machine does not trust it",
        examples=["/etc/ssl/site-ca.pem"],
    )

    @property
    def place(self) -> str:
        return self.endpoint


NOT_OURS = (
    "the password is not the stack's: change it at the service, then pulumi config set --secret --path "
    "'congress-ha:{section}.external.password'"
)


def without_meaning(settings: Settings) -> Iterator[str]:
    """Sentences about settings of the stack's own services that mean nothing if an external service is used."""
    database, messaging, balancer = settings.database, settings.messaging, settings.load_balancer
    rotation, tls = settings.rotation, settings.tls
    for external, key, is_set, why in (
        (database, "rotation.database", rotation.database != 1, NOT_OURS),
        (messaging, "rotation.messaging", rotation.messaging != 1, NOT_OURS),
        (database, "database.hosts", database.hosts != 1, "it counts hosts of the stack's own database"),
        (messaging, "messaging.hosts", messaging.hosts != 1, "it counts hosts of the stack's own bus"),
        (balancer, "loadBalancer.hosts", balancer.hosts != 1, "it counts the stack's own load balancers"),
        (balancer, "tls", tls != type(tls)(), "it is for the endpoint of the stack's own load balancer"),
    ):
        if external.external is not None and is_set:
            reason = why.format(section=key.partition(".")[2])
            yield f"{key}: the service is external, and {reason}; remove {key}"
