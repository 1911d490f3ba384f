"""Congress through its API, from the view of one engine or of all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openstack.connection import Connection

from tests.acceptance.support.deployment import Answer, Deployment, request

NOVA = "acceptance_nova"


def ok(answer: Answer) -> Any:
    """The body of an answer, which must be successful."""
    assert answer.status in {200, 201}, f"{answer.status}: {answer.body}"
    return answer.body


def rows(url: str, path: str, timeout: float = 30, token: str | None = None) -> list[tuple[str, ...]]:
    """Rows of a table at `<url>/v1/<path>/rows`, sorted."""
    body = ok(request("GET", f"{url}/v1/{path}/rows", timeout=timeout, token=token))
    return sorted(tuple(map(str, row["data"])) for row in body["results"])


def by_engine(
    urls: Mapping[str, str], path: str, token: str | None = None
) -> dict[str, list[tuple[str, ...]]]:
    """The same table from each engine."""
    return {node_id: rows(url, path, token=token) for node_id, url in urls.items()}


def forget(deployment: Deployment, policy: str | None, datasource: str | None = None) -> None:
    """Remove leftovers of an earlier run of the tests at the endpoint."""
    for kind, name in (("policies", policy), ("data-sources", datasource)):
        for entry in ok(deployment.api("GET", f"/v1/{kind}"))["results"]:
            if entry["name"] == name:
                ok(deployment.api("DELETE", f"/v1/{kind}/{entry['id']}", timeout=130))


def datasource_of(driver: str, name: str, admin: Connection, poll_time: int = 2) -> dict[str, Any]:
    """A datasource of the lab's cloud. Drivers read everything of all projects, which needs an administrator."""
    auth = admin.config.get_auth_args()
    return {
        "name": name,
        "driver": driver,
        "config": {
            "auth_url": auth["auth_url"],
            "username": auth["username"],
            "password": auth["password"],
            "tenant_name": auth["project_name"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "poll_time": str(poll_time),
        },
    }
