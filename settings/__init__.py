"""The configuration of a stack, read once from Pulumi's config and validated before it is used.

`load()` returns one frozen `Settings` object. Components use this object and never read `pulumi.Config`. Keys are in
camelCase in the namespace `congress-ha`; Pulumi.prod.yaml documents them.
"""

from settings.errors import SettingsError, models_in
from settings.external import ExternalDatabase, ExternalLoadBalancer, ExternalMessaging
from settings.hosts import Database, Flavors, Guest, LoadBalancer, Messaging
from settings.keystone import Keystone, KeystoneLogin
from settings.loading import NAMESPACE, load, parse
from settings.model import Settings
from settings.network import EVERYWHERE, Access, ExistingNetwork, Network
from settings.nodes import DatasourceNode, FencingLogin, PolicyEngines
from settings.policies import PolicySecrets
from settings.rotation import Rotation, of_generation
from settings.tls import Tls
from settings.types import Model

__all__ = [
    "EVERYWHERE",
    "NAMESPACE",
    "Access",
    "Database",
    "DatasourceNode",
    "ExistingNetwork",
    "ExternalDatabase",
    "ExternalLoadBalancer",
    "ExternalMessaging",
    "FencingLogin",
    "Flavors",
    "Guest",
    "Keystone",
    "KeystoneLogin",
    "LoadBalancer",
    "Messaging",
    "Model",
    "Network",
    "PolicyEngines",
    "PolicySecrets",
    "Rotation",
    "Settings",
    "SettingsError",
    "Tls",
    "load",
    "models_in",
    "of_generation",
    "parse",
]
