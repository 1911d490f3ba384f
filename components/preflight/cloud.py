"""Looks up and checks what the stack needs in the cloud, before anything is created.

It reads the same clouds.yaml and OS_* variables as the OpenStack provider. `pulumi preview` already reports all
problems, in one error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.connection import Connection
from openstack.exceptions import SDKException

from components.preflight import foreign, identity, login, ports, scope
from components.preflight.error import CloudError
from components.preflight.identity import Identity, IdentityError
from components.preflight.login import Login
from components.preflight.scope import Scope
from components.preflight.state import SERVER, State
from image import recipe
from settings import NAMESPACE, Settings, of_generation

IPV4 = 4
TIMEOUT = 20.0  # seconds for one request to the cloud


@dataclass(frozen=True)
class ExistingNetwork:
    id: str
    subnet_id: str
    cidr: str


@dataclass(frozen=True)
class Cloud:
    """Ids of existing resources. `flavor_ids`: by name. `scope`: project and region of the login.

    `login`: the deployer's login, None with fencing none. `identity`: keystone's data, None with noauth.
    `image_description`: in one sentence, whether the image is prebuilt.
    """

    image_id: str
    image_description: str
    flavor_ids: Mapping[str, str]
    external_network_id: str
    scope: Scope
    existing_network: ExistingNetwork | None = None
    login: Login | None = None
    identity: Identity | None = None


def look_up(settings: Settings, prefix: str, servers: Mapping[str, str], state: State) -> Cloud:
    """Look up the resources that the settings name.

    `servers`: name -> flavor of all servers of the stack. `state`: the stack's, before this run.
    Raises CloudError, which names the setting of each missing resource.
    """
    try:
        connection = openstack.connect(api_timeout=TIMEOUT)
        connection.authorize()
        here = scope.of(connection)
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CloudError(
            [
                f"no login to the cloud: {reason}; set OS_CLOUD to a cloud of your clouds.yaml, or the OS_* variables"
            ]
        ) from None
    if elsewhere := scope.difference(state.scope, here):
        raise CloudError([elsewhere])
    return _Search(connection, settings, prefix, servers, state).result(here)


class _Search:
    def __init__(
        self,
        connection: Connection,
        settings: Settings,
        prefix: str,
        servers: Mapping[str, str],
        state: State,
    ) -> None:
        self.cloud, self.settings, self.prefix, self.servers = connection, settings, prefix, servers
        self.state = state
        self.problems: list[str] = []

    def result(self, here: Scope) -> Cloud:
        searches: list[Callable[[], Any]] = [
            self._image,
            self._flavors,
            self._external,
            self._login,
            self._existing,
            self._keystone,
            self._limits,
            self._ports,
        ]
        with ThreadPoolExecutor(len(searches)) as pool:
            image, flavors, external, deployer, existing, keystone, (limits, existing_servers), _ = [
                done.result() for done in [pool.submit(self._run, search) for search in searches]
            ]
        if not self.problems:
            self._check_quota(limits, existing_servers, flavors)
        if self.problems:
            raise CloudError(self.problems)
        flavor_ids = {name: flavor.id for name, flavor in flavors.items()}
        description = recipe.describe(image.name, image.properties or {})
        return Cloud(image.id, description, flavor_ids, external.id, here, existing, deployer, keystone)

    def _run(self, search: Callable[[], Any]) -> Any:
        try:
            return search()
        except (SDKException, ClientException) as error:
            self.problems.append(f"the cloud refused a question ({search.__name__.strip('_')}): {error}")
            return (None, None)

    def _missing(self, key: str, kind: str, name: str, existing: Sequence[str]) -> None:
        choices = f"; there are: {', '.join(sorted(set(existing))[:12])}" if existing else ""
        self.problems.append(f"{NAMESPACE}:{key}: the cloud has no {kind} named {name}{choices}")

    def _image(self) -> Any:
        images = [image for image in self.cloud.image.images(status="active") if image.name]
        named = [image for image in images if image.name == self.settings.image]
        if not named:
            self._missing("image", "image", self.settings.image, [image.name for image in images])
            return None
        return max(named, key=lambda image: str(image.created_at))

    def _flavors(self) -> Mapping[str, Any]:
        flavors = {flavor.name: flavor for flavor in self.cloud.compute.flavors()}
        for name in sorted(self.settings.flavors.used() - flavors.keys()):
            self._missing("flavors", "flavor", name, list(flavors))
        return {name: flavors[name] for name in self.settings.flavors.used() & flavors.keys()}

    def _external(self) -> Any:
        wanted = self.settings.network.external_network
        networks = {network.name: network for network in self.cloud.network.networks(is_router_external=True)}
        if wanted not in networks:
            self._missing("network.externalNetwork", "external network", wanted, list(networks))
        return networks.get(wanted)

    def _login(self) -> Login | None:
        node = self.settings.datasource_node
        if node.fencing == "none":
            return None
        deployer = login.of(self.cloud)
        if node.fencing == "openstack" and node.fencing_access_rules and deployer.access_rules != login.OK:
            self.problems.append(
                f"{NAMESPACE}:datasourceNode.fencingAccessRules: keystone answers {deployer.access_rules} when it is "
                "asked for access rules (404: it is older than Train), and without them the credential for fencing may "
                "act on every server of the project: try again when keystone has them, or accept that by false"
            )
        if deployer.restricted and node.fencing == "openstack":
            self.problems.append(
                f"{NAMESPACE}:datasourceNode.fencing: your login is a restricted application credential, which may "
                "not make the one for fencing; log in with a password or with one made by `openstack application "
                "credential create --unrestricted`, or choose fencing: fence_openstack"
            )
        return deployer

    def _existing(self) -> ExistingNetwork | None:
        wanted = self.settings.network.existing
        if wanted is None:
            return None
        network = self.cloud.network.find_network(wanted.network)
        if network is None:
            self._missing("network.existing.network", "network", wanted.network, [])
            return None
        subnets = {subnet.name: subnet for subnet in self.cloud.network.subnets(network_id=network.id)}
        if wanted.subnet not in subnets:
            self._missing(
                "network.existing.subnet", f"subnet in {wanted.network}", wanted.subnet, list(subnets)
            )
            return None
        subnet = subnets[wanted.subnet]
        if subnet.ip_version != IPV4:
            self.problems.append(
                f"{NAMESPACE}:network.existing.subnet: {wanted.subnet} is of IPv6 ({subnet.cidr}), and the "
                "stack's hosts use IPv4; name a subnet of IPv4"
            )
            return None
        return ExistingNetwork(network.id, subnet.id, subnet.cidr)

    def _keystone(self) -> Identity | None:
        if self.settings.auth == "noauth":
            return None
        try:
            user = of_generation(identity.SERVICE, self.settings.rotation.keystone)
            return identity.look_up(self.cloud, self.settings.keystone, self.prefix, user, TIMEOUT)
        except IdentityError as error:
            self.problems += [f"{NAMESPACE}:{problem}" for problem in error.problems]
            return None

    def _ports(self) -> None:
        self.problems += ports.problems(self.cloud, self.settings, self.prefix, self.servers)

    def _limits(self) -> tuple[Any, set[str]]:
        limits = self.cloud.compute.get_limits().absolute
        servers = list(self.cloud.compute.servers(details=False))
        if unknown := foreign.unknown(servers, self.servers, self.state.ids, self.state.pending):
            names = {one.inputs["name"] for one in self.state.of(SERVER).values() if not one.replaced}
            self.problems.append(foreign.refusal(self.cloud, unknown, self.state.ids, names))
        return limits, {server.name for server in servers}

    def _check_quota(self, limits: Any, existing_servers: set[str], flavors: Mapping[str, Any]) -> None:
        """Only new servers need free quota: nova already counts the servers of an earlier `up` as used."""
        needed: Counter[str] = Counter()
        for name, flavor in self.servers.items():
            if name not in existing_servers:
                needed += Counter(
                    {"servers": 1, "cores": flavors[flavor].vcpus, "MB of RAM": flavors[flavor].ram}
                )
        for what, limit, used in (
            ("servers", limits.instances, limits.instances_used),
            ("cores", limits.total_cores, limits.total_cores_used),
            ("MB of RAM", limits.total_ram, limits.total_ram_used),
        ):
            if limit is not None and limit >= 0 and needed[what] > limit - used:
                self.problems.append(
                    f"the project's quota allows {limit - used} more {what} (of {limit}), "
                    f"the stack needs {needed[what]}; "
                    "ask for more, or choose smaller flavors or fewer policyEngines.count"
                )
