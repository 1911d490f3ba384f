"""The deployer's login in tests without a cloud."""

from __future__ import annotations

from components.preflight.identity import Identity, Registration
from components.preflight.login import Login
from components.preflight.scope import Scope

LOGIN = Login(
    auth_url="https://cloud.example:5000/v3",
    region="RegionOne",
    interface="public",
    compute_path="/v2.1",
    roles=("member",),
    access_rules=200,
    restricted=False,
)

SCOPE = Scope("project-id", "RegionOne")

# The deployer, or the administrator that the settings name, may register Congress here.
IDENTITY = Identity(
    auth_url=LOGIN.auth_url,
    region="RegionOne",
    interface="public",
    registration=Registration("congress", "default-id", "service-project-id", "service-role-id"),
)
