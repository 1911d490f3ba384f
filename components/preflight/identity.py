"""Looks up keystone's data for Congress before anything is created: who may register Congress, or an existing user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import openstack
from keystoneauth1.exceptions import ClientException
from keystoneauth1.identity import v3
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session
from openstack.connection import Connection
from openstack.exceptions import ForbiddenException, SDKException

from settings import Keystone, KeystoneLogin

# Congress's own names in the catalog, which its clients use (congressclient.osc.plugin).
SERVICE = "congress"
TYPE = "policy"
FORBIDDEN = 403


@dataclass(frozen=True)
class Registration:
    """The user that the stack creates: its name, its domain, its project and its role there."""

    user: str
    domain_id: str
    project_id: str
    role_id: str


@dataclass(frozen=True)
class Identity:
    """Where engines and clients find keystone. `registration`: None with `keystone.login`."""

    auth_url: str
    region: str
    interface: str
    registration: Registration | None = None


class IdentityError(Exception):
    """Problems with keystone, one sentence each: the setting first, then the reason and the way out."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def mark(prefix: str) -> str:
    """Description of everything that the stack registers, which distinguishes it from what others registered."""
    return f"made by congress-ha as a part of {prefix}"


def look_up(cloud: Connection, keystone: Keystone, prefix: str, user: str, timeout: float) -> Identity:
    """Look up region, URL and ids, or check `keystone.login`.

    `cloud`: the deployer's connection. `user`: name of the user that the stack creates. `timeout`: seconds for each
    request. Raises IdentityError; SDKException or ClientException if the cloud does not answer.
    """
    auth = cast("BaseIdentityPlugin", cloud.session.auth)
    interface = cloud.config.get_interface("identity")
    region = keystone.region or cloud.config.get_region_name("identity")
    if not region:
        raise IdentityError(
            "keystone.region: your login names none, and Congress's endpoints need one: set it"
        )
    service = Identity(str(auth.auth_url), region, interface if isinstance(interface, str) else "public")
    if keystone.login is not None:
        check_login(cloud, keystone.login, service, timeout)
        return service
    who = "your login" if keystone.administrator is None else f"the login of {keystone.administrator}"
    try:
        registrar = _registrar(cloud, keystone.administrator, timeout)
        return replace(service, registration=_registration(registrar, keystone, prefix, user))
    except ForbiddenException:
        raise IdentityError(
            f"keystone: {who} may not register Congress in keystone (403): let one that may do it "
            "(keystone.administrator, a cloud of your clouds.yaml), or name a user that an administrator made "
            "(keystone.login)"
        ) from None


def _registrar(cloud: Connection, administrator: str | None, timeout: float) -> Connection:
    if administrator is None:
        return cloud
    try:
        registrar = openstack.connect(cloud=administrator, api_timeout=timeout)
        registrar.authorize()
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise IdentityError(
            f"keystone.administrator: no login as {administrator}: {reason}; name a cloud of your clouds.yaml"
        ) from None
    return registrar


def _registration(registrar: Connection, keystone: Keystone, prefix: str, user: str) -> Registration:
    """Look up the ids, and check that no other user or catalog entry has the same name or type.

    Raises IdentityError, and ForbiddenException if the login may not read them.
    """
    identity: Any = registrar.identity
    problems: list[str] = []

    def the(key: str, name: str, things: Callable[..., Any], **where: str) -> str | None:
        for thing in things(name=name, **where):
            return str(thing.id)
        problems.append(f"keystone.{key}: there is no {key} named {name}")
        return None

    domain = the("domain", keystone.domain, identity.domains)
    if domain is None:
        raise IdentityError(*problems)
    project = the("project", keystone.project, identity.projects, domain_id=domain)
    role = the("role", keystone.role, identity.roles)
    others = [
        (f"a user {user} in domain {keystone.domain}", one)
        for one in identity.users(name=user, domain_id=domain)
    ]
    others += [(f"a service of type {TYPE} in its catalog", one) for one in identity.services(type=TYPE)]
    problems += [
        f"keystone: there is {what} that this stack did not make ({other.id}): delete it if nobody needs "
        "it, or log in as a user that an administrator gives you (keystone.login)"
        for what, other in others
        if other.description != mark(prefix)
    ]
    if project is None or role is None or problems:
        raise IdentityError(*problems)
    return Registration(user, domain, project, role)


def check_login(cloud: Connection, login: KeystoneLogin, service: Identity, timeout: float) -> None:
    """Do what engines do for each request: log in and validate a token (the deployer's).

    Raises IdentityError if keystone refuses either of them.
    """
    auth = v3.Password(service.auth_url, **login.user())
    session = Session(auth, verify=cloud.session.verify, cert=cloud.session.cert, timeout=timeout)
    who = f"{login.username} in project {login.project}"
    try:
        session.get_token()
    except ClientException as error:
        raise IdentityError(f"keystone.login: keystone refuses {who}: {str(error).splitlines()[0]}") from None
    answer = session.get(
        "/auth/tokens",
        endpoint_filter={
            "service_type": "identity",
            "interface": service.interface,
            "region_name": service.region,
            "version": (3, 0),
        },
        # Without the second header, keystone would not find a token that is limited by access rules.
        headers={"X-Subject-Token": str(cloud.session.get_token()), "OpenStack-Identity-Access-Rules": "1.0"},
        raise_exc=False,
    )
    if answer.status_code == FORBIDDEN:
        raise IdentityError(f"keystone.login: {who} may not check tokens (403): it needs role service there")
    if not answer.ok:
        raise IdentityError(f"keystone.login: {who} got {answer.status_code} when it checked a token")
