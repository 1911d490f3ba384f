"""A remote step: a script that pulumi-command runs as root on one host, again whenever its text changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_command import remote

from components.foundation.template import digest, render_step

if TYPE_CHECKING:
    from components.foundation.host import Host

# files/host/congress-ha-step, which cloud-init installs. The script is not on the command line, and its end is checked.
RUNNER = "sudo -n /usr/local/sbin/congress-ha-step {name} {limit}"


class Step(remote.Command):
    """`templates/<template>` with `context`, run on `host` after `after` and after the host is ready.

    `limit`: seconds. `delete`: a command that runs when the step is removed from the program while its host stays. When
    `make repair` replaces the step, the command runs first: later, it would undo what the new step did. The script
    contains the server's id, so a replaced server gets its steps again by an update (a changed trigger would replace
    the resource, pulumi-command#189). `digest` changes with the content, not with the server.
    """

    digest: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        host: Host,
        template: str,
        context: Mapping[str, Any],
        *,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource] = (),
        limit: int = 900,
        delete: str | None = None,
    ) -> None:
        values: pulumi.Output[dict[str, Any]] = pulumi.Output.from_input(dict(context))
        body: pulumi.Output[str] = pulumi.Output.secret(
            values.apply(lambda known_values: render_step(template, known_values))
        )
        self.digest = body.apply(digest)
        super().__init__(
            name,
            connection=host.connection,
            create=RUNNER.format(name=name, limit=limit),
            stdin=pulumi.Output.concat("# server ", host.server.id, f"\nSTEP={name}\n", body),
            logging=remote.Logging.NONE,
            add_previous_output_in_env=False,
            delete=delete,
            opts=pulumi.ResourceOptions(
                parent=parent,
                depends_on=[*host.ready_steps, *after],
                deleted_with=host.server,
                delete_before_replace=delete is not None,
                additional_secret_outputs=["stdout", "stderr"],
            ),
        )
