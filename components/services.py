"""The services around Congress: the stack's own, or those that the settings name in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from components.congress_host import CongressHost
from components.database import Database
from components.external_database import ExternalDatabase
from components.external_load_balancer import ExternalLoadBalancer
from components.external_messaging import ExternalMessaging
from components.foundation.authority import Authority
from components.foundation.host import Host, Site
from components.load_balancer import LoadBalancer
from components.messaging import Messaging
from components.policy_engines import PolicyEngines
from components.preflight import external
from components.preflight.state import State
from components.shared_service import SharedService
from roles import DATABASE, MESSAGING


def database_of(
    name: str, site: Site, authority: Authority, tried_on: CongressHost, before: State
) -> Database | ExternalDatabase:
    """`before`: the stack's state."""
    if (setting := site.settings.database.external) is None:
        return Database(name, site, authority)
    return ExternalDatabase(
        name,
        setting,
        tried_on,
        engines=site.settings.policy_engines.count,
        is_filled=external.own_database(before) is not None,
    )


def messaging_of(
    name: str, site: Site, authority: Authority, tried_on: CongressHost
) -> Messaging | ExternalMessaging:
    if (setting := site.settings.messaging.external) is None:
        return Messaging(name, site, authority)
    return ExternalMessaging(name, setting, tried_on)


def load_balancer_of(
    name: str, site: Site, engines: PolicyEngines, authority: Authority
) -> LoadBalancer | ExternalLoadBalancer:
    if (setting := site.settings.load_balancer.external) is None:
        return LoadBalancer(name, site, engines, authority)
    return ExternalLoadBalancer(name, setting, engines)


def closed_by_groups(
    database: Database | ExternalDatabase, messaging: Messaging | ExternalMessaging
) -> Mapping[str, Sequence[Host]]:
    """The hosts whose security groups isolate a lost host of the pair, by role.

    There are none if one of the services is external: no security group closes it, so isolation would prove nothing.
    """
    if isinstance(database, ExternalDatabase) or isinstance(messaging, ExternalMessaging):
        return {}
    return {DATABASE.name: database.hosts, MESSAGING.name: messaging.hosts}


def with_rotated_users(
    *services: SharedService | ExternalDatabase | ExternalMessaging,
) -> list[SharedService]:
    """External services are left out, because the stack does not rotate their passwords."""
    return [service for service in services if isinstance(service, SharedService)]
