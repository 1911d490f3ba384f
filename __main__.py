"""OpenStack Congress in high availability, in the five steps of its HA deployment document."""

import gc

import pulumi

from components.preflight import recorded

# What this program makes lives as long as it does, so looking for garbage after each 700 objects finds none and takes a
# quarter of its time.
gc.set_threshold(100_000)
state = recorded.begin()

import settings
from components import inventory
from components.congress_host import CongressArgs, EncryptionKey, congress_hosts
from components.database import Database, Schema
from components.datasource_node import DatasourceNode
from components.fencing import Fencing
from components.foundation import debug_log, first_boot
from components.foundation.access import Access
from components.foundation.authority import Authority
from components.foundation.firewall import Firewall, rules
from components.foundation.network import Network, NetworkArgs
from components.keystone import Catalog, Keystone
from components.load_balancer import LoadBalancer
from components.messaging import Messaging
from components.policies import policies
from components.policy_engines import PolicyEngines
from components.preflight import cloud
from components.preflight import policies as policies_folder
from components.rotation import FormerUsers
from roles import DATASOURCE_NODE, POLICY_ENGINE

debug_log.switch_off()
config = settings.load()
stack = pulumi.get_stack()
prefix = f"congress-{stack}"
first_boot.check(stack, prefix, config.guest, inventory.roles(config))
folder = policies_folder.look_up(config)
exported = state.result()
policies_folder.require_simulation(config, stack, folder, exported.policies)
existing_cloud = cloud.look_up(config, prefix, inventory.servers(prefix, config), exported)
pulumi.log.info(existing_cloud.image_description)

network = Network("network", NetworkArgs(prefix, config.network, existing_cloud))
firewall = Firewall("firewall", prefix, rules(config))
access = Access(
    "access", prefix=prefix, settings=config, cloud=existing_cloud, network=network, firewall=firewall
)
site = access.site
authority = Authority("authority", prefix, config.rotation.certificates)

# 1. "Deploy messaging and database infrastructure to be shared by all the Congress nodes."
database = Database("database", site, authority)
messaging = Messaging("messaging", site, authority)

# 2. "Prepare the hosts to run Congress nodes."
keystone = Keystone("keystone", site)
key = EncryptionKey("encryption-key").key
congress = CongressArgs(
    messaging.transport_url,
    database.connection,
    key,
    keystone.authtoken,
    authority.certificate,
    bus_is_cluster=messaging.is_cluster,
)
pair = congress_hosts(DATASOURCE_NODE, site, congress)
engine_hosts = congress_hosts(POLICY_ENGINE, site, congress)
schema = Schema("schema", database, [*pair, *engine_hosts])

# 4. "Deploy one datasource-drivers node." It is the fourth step of the document's list, but must precede the third one.
fencing = Fencing("fencing", site, pair, services=[*database.hosts, *messaging.hosts])
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
)

# 5. "Deploy a load-balancer to load-balance between the N policy-engine nodes."
load_balancer = LoadBalancer("load-balancer", site, engines, authority)
Catalog("catalog", keystone, load_balancer)
FormerUsers("former-users", [database, messaging], load_balancer)
declared = policies(
    "policies",
    folder,
    site,
    key=key,
    engines=engines,
    load_balancer=load_balancer,
    before=exported.policies,
)

hosts = [access.bastion, *database.hosts, *messaging.hosts, *load_balancer.hosts]
hosts += [congress_host.host for congress_host in (*pair, *engine_hosts)]
inventory.export(
    access, {host.name: host for host in hosts}, datasource_node, engines, load_balancer, policies=declared
)
