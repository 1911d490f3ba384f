"""The component of policies, whose step runs here in place of a host; it refuses a rule about `refused`.

FOLDER is the setting `policies`, empty without it.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
from pulumi_command import local

from components import policies
from components.preflight import recorded
from policy_code.folder import read

# What earlier ones have begun does not count.
STEP = """
request=$(cat)
! printf %s "${request%%\"begun\"*}" | grep -q refused || exit 1
printf %s "$request" | grep -o '"attempt": [0-9]*' | sed 's/"attempt":/attempt/'
"""


class Step(local.Command):
    """As components/foundation/step.py, with the same options for replacement and deletion."""

    def __init__(
        self,
        name: str,
        host: object,  # noqa: ARG002  there is none
        template: str,  # noqa: ARG002
        context: Mapping[str, Any],
        *,
        parent: pulumi.Resource,
        after: Sequence[pulumi.Resource],
        limit: int,  # noqa: ARG002
        delete: str,  # noqa: ARG002  there is no record
    ) -> None:
        super().__init__(
            name,
            create=STEP,
            delete="true",
            stdin=pulumi.Output.secret(context["request"]),
            logging=local.Logging.NONE,
            add_previous_output_in_env=False,
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[*after], delete_before_replace=True),
        )


vars(policies)["Step"] = Step  # in place of the one that runs on a host
secrets = {"password": "CANARY"}
site: Any = SimpleNamespace(
    prefix="congress-e2e",
    settings=SimpleNamespace(policy_secrets=SimpleNamespace(values=lambda: secrets)),
)
engines = SimpleNamespace(
    placements=[SimpleNamespace(node_id="engine", host="host")], hosts={"host": SimpleNamespace(host=None)}
)
state = recorded.begin().result()
folder = os.environ["FOLDER"]
made = policies.policies(
    "policies",
    read(Path(folder)) if folder else None,
    site,
    before=state.policies,
    begun=state.begun,
    key=pulumi.Output.from_input("key"),
    engines=engines,
    load_balancer=SimpleNamespace(ready=[]),
)
pulumi.export("endpoint", "https://192.0.2.1")
if made is not None:
    pulumi.export("policies", made.summary)
