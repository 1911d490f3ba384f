"""Let the datasource node tell which engine is older, and which request for an action came from the API.

Every policy engine requests each action of a rule, and the datasource node must execute one of these requests
(actions). It needs two things that upstream does not send:

- The age of an engine. Upstream names each process by a random identifier. Here, the time of its start comes first.
- Whether the request came from the API, so that no other engine makes it. Upstream drops it if it came through an
  engine whose requests the datasource node does not execute, and the API answers 200.
"""

import time
from typing import Any

from congress.dse2.dse_node import DseNode
from congress.policy_engines.agnostic import DseRuntimeEndpoints
from congress_runtime.patches.action_origin import FROM_API, instance


def apply() -> None:
    message_context, execute_action = DseNode._message_context, DseRuntimeEndpoints.execute_action  # noqa: SLF001

    def message_context_with_age(self: Any) -> dict[str, Any]:
        context = message_context(self)
        return {**context, "instance": instance(time.time(), context["instance"])}

    def execute_action_of_api(
        self: Any, context: Any, service_name: str, action: str, action_args: dict[str, Any]
    ) -> Any:
        return execute_action(self, context, service_name, action, {**action_args, FROM_API: True})

    DseNode._message_context = message_context_with_age  # noqa: SLF001
    DseRuntimeEndpoints.execute_action = execute_action_of_api
