"""Authorize every request: by the token that authtoken validated and Congress's API policy.

It replaces upstream's filter of that name (congress.auth), for two reasons:

- Upstream's context (congress.context) passes an argument (`tenant`) that oslo.context 4 removed. Every request with a
  token would be answered with 500.
- Upstream enforces its policy only for lists (congress.api.webservice: CollectionHandler does, ElementHandler does
  not). With a token of any project of the cloud, a user could read, execute, replace and delete each policy, rule and
  row by its name.

The actions have upstream's names: get_v1, create_v1, update_v1, delete_v1. By default, all of them require role admin
(congress.common.policies); /etc/congress/policy.yaml may change that.
"""

from collections.abc import Callable, Iterable
from typing import Any, Self

from congress import auth, exception
from congress.common import policy
from oslo_context import context
from oslo_log import log

LOG = log.getLogger(__name__)

# As in upstream's CollectionHandler; POST on a single resource executes an action.
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "update", "DELETE": "delete"}

Start = Callable[[str, list[tuple[str, str]]], object]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Caller(context.RequestContext):  # type: ignore[misc]
    """A context with the names that upstream's API and policy read."""

    def to_dict(self) -> dict[str, Any]:
        names = {"user_id": self.user_id, "user_name": self.user_name, "project_name": self.project_name}
        return {**super().to_dict(), **names, "tenant_id": self.project_id, "tenant_name": self.project_name}


class KeystoneContext:
    """WSGI filter between authtoken and Congress's API."""

    @classmethod
    def factory(cls, _global_conf: dict[str, str], **_local_conf: str) -> Callable[[Application], Self]:
        return cls

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        verb = VERBS.get(environ["REQUEST_METHOD"])
        if verb is None:
            return refuse(start_response, "405 Method Not Allowed", "the API does not have this method")
        caller = Caller.from_environ(environ)
        if not caller.user_id:
            return refuse(start_response, "401 Unauthorized", "the request has no valid token")
        caller.is_admin = policy.check_is_admin(caller)
        target = {"project_id": caller.project_id, "user_id": caller.user_id}
        try:
            policy.enforce(caller, f"{verb}_v1", target)
        except exception.PolicyNotAuthorized as error:
            LOG.info("user %s of project %s: %s", caller.user_id, caller.project_id, error)
            return refuse(start_response, "403 Forbidden", str(error))
        environ["congress.context"] = caller
        return self.application(environ, start_response)


def refuse(start_response: Start, status: str, why: str) -> list[bytes]:
    body = f"{why}\n".encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def apply() -> None:
    auth.CongressKeystoneContext = KeystoneContext
