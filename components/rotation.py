"""New passwords without an interruption: a user for each generation, and the ones before go when nobody uses them.

Neither MariaDB 10.11 nor RabbitMQ knows two passwords of one user, and nodes move to a new one one after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from components.foundation.step import Step

if TYPE_CHECKING:
    from components.database import Database
    from components.load_balancer import LoadBalancer
    from components.messaging import Messaging


class FormerUsers(pulumi.ComponentResource):
    """Users of earlier generations are dropped, and their connections cut, after the API answered through the
    load balancer, and with it every node runs as a user of this one. `up` ends before that if one does not.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        messaging: Messaging,
        load_balancer: LoadBalancer,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:FormerUsers", name, None, opts)
        for role in (database, messaging):
            Step(
                f"{role.host.name}-{name}",
                role.host,
                f"{role.host.name}/former_users.sh.j2",
                {"user": role.user},
                parent=self,
                after=[load_balancer.ready],
                limit=120,
            )
        self.register_outputs({})
