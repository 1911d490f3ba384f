"""OpenStack Congress in high availability, in the five steps of its HA deployment document."""

import gc

import pulumi

from components.preflight import recorded

# What this program creates lives as long as the program. A search for garbage after each 700 objects would find none,
# and would take a quarter of the program's time.
gc.set_threshold(100_000)
state = recorded.begin()

import settings
from components import inventory
from components.congress_host import CongressArgs, EncryptionKey, congress_hosts
from components.database import Schema
from components.datasource_node import DatasourceNode
from components.fencing import Fencing
from components.foundation import debug_log, first_boot
from components.foundation.access import Access
from components.foundation.authority import Authority
from components.foundation.firewall import Firewall, rules
from components.foundation.network import Network, NetworkArgs
from components.keystone import Catalog, Keystone
from components.policies import policies
from components.policy_engines import PolicyEngines
from components.preflight import cloud, external
from components.preflight import policies as policies_folder
from components.rotation import FormerUsers
from components.services import (
    closed_by_groups,
    database_of,
    load_balancer_of,
    messaging_of,
    with_rotated_users,
)
from roles import DATASOURCE_NODE, POLICY_ENGINE

debug_log.switch_off()
config = settings.load()
stack = pulumi.get_stack()
prefix = f"congress-{stack}"
first_boot.check(stack, prefix, config.guest, inventory.roles(config))
folder = policies_folder.look_up(config)
exported = state.result()
external.check(config, exported)
policies_folder.require_permitted(folder, exported)
policies_folder.require_simulation(config, stack, folder, exported)
existing_cloud = cloud.look_up(config, prefix, inventory.servers(prefix, config), exported)
pulumi.log.info(existing_cloud.image_description)

network = Network("network", NetworkArgs(prefix, config.network, existing_cloud))
firewall = Firewall("firewall", prefix, rules(config))
access = Access(
    "access", prefix=prefix, settings=config, cloud=existing_cloud, network=network, firewall=firewall
)
site = access.site
authority = Authority("authority", prefix, config.rotation.certificates)

# 2. "Prepare the hosts to run Congress nodes." One of them tries the external services.
pair = congress_hosts(DATASOURCE_NODE, site)
engine_hosts = congress_hosts(POLICY_ENGINE, site)

# 1. "Deploy messaging and database infrastructure to be shared by all the Congress nodes."
database = database_of("database", site, authority, pair[0], exported)
messaging = messaging_of("messaging", site, authority, pair[0])
keystone = Keystone("keystone", site)
key = EncryptionKey("encryption-key").key
congress = CongressArgs(
    messaging.transport_url,
    database.connection,
    key,
    keystone.authtoken,
    authority.certificate,
    bus_is_cluster=messaging.is_cluster,
    bus_ca_file=messaging.ca_file,
    more_authorities={**database.authorities, **messaging.authorities},
)
for host in (*pair, *engine_hosts):
    host.configure(congress)
schema = Schema("schema", database, [*pair, *engine_hosts])

# 4. "Deploy one datasource-drivers node." It is the fourth step of the document's list, but must precede the third one.
fencing = Fencing("fencing", site, pair, services=closed_by_groups(database, messaging))
datasource_node = DatasourceNode(
    "datasource-node", config.datasource_node, pair, fencing=fencing, after=[schema.ready, messaging.ready]
)

# 3. "Deploy N (at least 2) policy-engine nodes."
engines = PolicyEngines(
    "policy-engines",
    config.policy_engines,
    engine_hosts,
    after=[datasource_node.ready],
    existing=exported.step_names,
    balanced_outside=config.load_balancer.external is not None,
)

# 5. "Deploy a load-balancer to load-balance between the N policy-engine nodes."
load_balancer = load_balancer_of("load-balancer", site, engines, authority)
Catalog("catalog", keystone, load_balancer)
FormerUsers("former-users", with_rotated_users(database, messaging), load_balancer)
declared = policies(
    "policies",
    folder,
    site,
    key=key,
    engines=engines,
    load_balancer=load_balancer,
    before=exported.policies,
    begun=exported.begun,
)

hosts = [access.bastion, *database.hosts, *messaging.hosts, *load_balancer.hosts]
hosts += [congress_host.host for congress_host in (*pair, *engine_hosts)]
inventory.export(
    access,
    {host.name: host for host in hosts},
    datasource_node,
    engines,
    load_balancer,
    policies=declared,
    external=external.places(config),
)
