"""Keystone mode: the user with which engines validate tokens, and Congress's entries in the cloud's catalog."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_openstack as openstack
import pulumi_random as random
from pulumi_openstack import identity
from pydantic import SecretStr

from components.external_load_balancer import ExternalLoadBalancer
from components.foundation.host import Site
from components.load_balancer import LoadBalancer
from components.preflight.identity import SERVICE, TYPE, Identity, Registration, mark
from settings import KeystoneLogin, of_generation

OPEN = (
    "auth is noauth: the API does not authenticate callers, and everyone in access.apiCidrs may read and change every "
    "policy and the datasources' configuration"
)
INTERFACES = ("public", "internal", "admin")


class Keystone(pulumi.ComponentResource):
    """`authtoken`: the options of [keystone_authtoken] in congress.conf, None with noauth.

    Its value is known after the user has the role to validate tokens. No output contains the password.
    """

    authtoken: pulumi.Output[dict[str, Any]] | None

    def __init__(self, name: str, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("congress-ha:index:Keystone", name, None, opts)
        self.site, identity_service, login = site, site.cloud.identity, site.settings.keystone.login
        self.authtoken = None
        self.administrator: openstack.Provider | None = None
        if identity_service is None:
            pulumi.log.warn(OPEN)
        elif login is not None:
            self.authtoken = pulumi.Output.secret({**keystone_options(identity_service), **login.user()})
        elif identity_service.registration is not None:
            self.authtoken = self._user(name, identity_service, identity_service.registration)
        self.register_outputs({})

    def registered_by(self, parent: pulumi.Resource) -> pulumi.ResourceOptions:
        """Resource options with the provider whose login may register Congress."""
        return pulumi.ResourceOptions(parent=parent, provider=self.administrator)

    def _user(
        self, name: str, identity_service: Identity, ids: Registration
    ) -> pulumi.Output[dict[str, Any]]:
        settings = self.site.settings.keystone
        if settings.administrator is not None:
            self.administrator = openstack.Provider(
                f"{name}-administrator",
                cloud=settings.administrator,
                opts=pulumi.ResourceOptions(parent=self),
            )
        child = self.registered_by(self)
        # Each generation has its own resource names, so Pulumi deletes the former ones at the end.
        generation = self.site.settings.rotation.keystone
        self.password = random.RandomPassword(
            of_generation(f"{name}-password", generation),
            length=32,
            special=False,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.user = identity.User(
            of_generation(f"{name}-user", generation),
            name=ids.user,
            description=mark(self.site.prefix),
            domain_id=ids.domain_id,
            password=self.password.result,
            # Nobody could change an expired password, and an attacker who guesses passwords must not lock engines out.
            ignore_password_expiry=True,
            ignore_change_password_upon_first_use=True,
            ignore_lockout_failure_attempts=True,
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(additional_secret_outputs=["password"])
            ),
        )
        self.role = identity.RoleAssignment(
            of_generation(f"{name}-role", generation),
            user_id=self.user.id,
            project_id=ids.project_id,
            role_id=ids.role_id,
            opts=child,
        )

        def login(values: list[Any]) -> dict[str, Any]:
            own = KeystoneLogin(
                username=ids.user,
                password=SecretStr(values[0]),
                user_domain=settings.domain,
                project=settings.project,
                project_domain=settings.domain,
            )
            return {**keystone_options(identity_service), **own.user()}

        return pulumi.Output.secret(pulumi.Output.all(self.password.result, self.role.id).apply(login))


class Catalog(pulumi.ComponentResource):
    """Congress's service and endpoints in keystone's catalog, created after the API has answered.

    It is empty with noauth and with `keystone.login`.
    """

    def __init__(
        self,
        name: str,
        keystone: Keystone,
        load_balancer: LoadBalancer | ExternalLoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Catalog", name, None, opts)
        site = keystone.site
        if site.cloud.identity is not None and site.cloud.identity.registration is not None:
            self._register(name, keystone, site.cloud.identity.region, load_balancer)
        self.register_outputs({})

    def _register(
        self, name: str, keystone: Keystone, region: str, load_balancer: LoadBalancer | ExternalLoadBalancer
    ) -> None:
        child = keystone.registered_by(self)
        self.service = identity.ServiceV3(
            f"{name}-service",
            name=SERVICE,
            type=TYPE,
            description=mark(keystone.site.prefix),
            opts=pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(depends_on=[*load_balancer.ready])
            ),
        )
        self.endpoints = [
            identity.EndpointV3(
                f"{name}-{interface}",
                name=SERVICE,
                service_id=self.service.id,
                interface=interface,
                endpoint_region=region,
                url=load_balancer.endpoint,
                opts=child,
            )
            for interface in INTERFACES
        ]


def keystone_options(identity_service: Identity) -> dict[str, Any]:
    """The options of [keystone_authtoken] without the login."""
    return {
        "www_authenticate_uri": identity_service.auth_url,
        "auth_url": identity_service.auth_url,
        "auth_type": "password",
        "region_name": identity_service.region,
        # keystonemiddleware's default is internal, but the engines are outside of the cloud's internal network.
        "interface": identity_service.interface,
        # Required for callers with application credentials that have access rules.
        "service_type": TYPE,
        "service_token_roles_required": True,
        # The system's store, which includes guest.caFiles; Python's requests has its own one.
        "cafile": "/etc/ssl/certs/ca-certificates.crt",
    }
