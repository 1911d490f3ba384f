"""New passwords without an interruption: a user for each generation, and the ones before go when nobody uses them.

Neither MariaDB 10.11 nor RabbitMQ knows two passwords of one user, and nodes move to a new one one after another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pulumi

from components.foundation.step import Step

if TYPE_CHECKING:
    from components.load_balancer import LoadBalancer
    from components.shared_service import SharedService


class FormerUsers(pulumi.ComponentResource):
    """Users of earlier generations are dropped, and their connections cut, after the API answered through the
    load balancer, and with it every node runs as a user of this one. `up` ends before that if one does not.
    """

    def __init__(
        self,
        name: str,
        services: Sequence[SharedService],
        load_balancer: LoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:FormerUsers", name, None, opts)
        for service in services:
            Step(
                f"{service.host.name}-{name}",
                service.host,
                f"{service.host.role.name}/former_users.sh.j2",
                {"user": service.user},
                parent=self,
                after=[load_balancer.ready],
                limit=120,
            )
        self.register_outputs({})
