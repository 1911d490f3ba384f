"""Password rotation without an interruption: each generation has its own user, and former users are deleted at the end.

In MariaDB 10.11 and in RabbitMQ, a user has only one password, but nodes change to a new one one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from components.foundation.step import Step

if TYPE_CHECKING:
    from components.external_load_balancer import ExternalLoadBalancer
    from components.load_balancer import LoadBalancer
    from components.shared_service import SharedService


class FormerUsers(pulumi.ComponentResource):
    """Deletes the users of earlier generations and cuts their connections.

    It runs after the API has answered through the load balancer. At that point, every node uses a user of the current
    generation; otherwise `up` has failed before.
    """

    def __init__(
        self,
        name: str,
        services: Sequence[SharedService],
        load_balancer: LoadBalancer | ExternalLoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:FormerUsers", name, None, opts)
        for service in services:
            # With several hosts of the database, only the writer does it. All members of the bus have the same users.
            for host in service.hosts if service.virtual_address is not None else service.hosts[:1]:
                Step(
                    f"{host.name}-{name}",
                    host,
                    f"{host.role.name}/former_users.sh.j2",
                    {"user": service.user, "members": [one.address for one in service.members]},
                    parent=self,
                    after=[*load_balancer.ready],
                    limit=120,
                )
        self.register_outputs({})
