# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""The requests to keystone and nova that the fence agent needs, with Python's standard library only.

In the checkout, this file is in the agent's folder; on a host, it is in Python's path of local modules.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fence_congress_credentials import Credentials, FenceError

REQUEST_LIMIT = 20.0  # seconds
NO_ANSWER = "no answer"
POLL = 0.25
# Since 2.51, the owner of a server can read the result of an action.
MICROVERSION = "compute 2.51"
# Power states that nova read from the hypervisor (nova/compute/power_state.py); without a guest, it is NOSTATE.
NOSTATE, RUNNING, SHUTDOWN, CRASHED = 0, 1, 4, 6
FROZEN = {"PAUSED", "SUSPENDED"}
OFF = {"SHUTOFF", "SHELVED", "SHELVED_OFFLOADED", "SOFT_DELETED", "DELETED"}
REBOOTING = {"rebooting_hard", "reboot_pending_hard", "reboot_started_hard"}
TRANSIENT = {429, 500, 502, 503, 504}
OK, ACCEPTED, BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 200, 202, 400, 401, 403, 404, 409
REFUSALS = (FORBIDDEN, NOT_FOUND, CONFLICT)


class OutOfTimeError(FenceError):
    """The deadline came before the answer of a request."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    def reason(self) -> str:
        """The service's error message; all OpenStack services answer `{"<kind>": {"message": text}}`."""
        kinds = self.body.values() if isinstance(self.body, dict) else ()
        texts = [str(kind["message"]) for kind in kinds if isinstance(kind, dict) and "message" in kind]
        return " ".join([f"HTTP {self.status}", *texts])[:300].replace("\n", " ")


@dataclass(frozen=True)
class Server:
    """State of a server. `dead`: an administrator has set `forced_down` for its compute host.

    By nova's default policy, only administrators can read that; for others it is False. `groups`: names of the security
    groups of its ports.
    """

    status: str
    task: str | None
    power: int | None
    dead: bool = False
    groups: tuple[str, ...] = ()

    @property
    def frozen(self) -> bool:
        no_other_task = self.task is None or self.task in REBOOTING
        return self.status in FROZEN and self.power != RUNNING and no_other_task

    @property
    def off(self) -> bool:
        stopped = self.power in (NOSTATE, SHUTDOWN, CRASHED)
        return self.status in OFF and stopped and self.task is None


class Nova:
    """Requests to keystone and nova, with retries until `deadline`, a time of time.monotonic().

    `slowest`: seconds of the slowest answer so far. Methods raise FenceError.
    """

    def __init__(self, credentials: Credentials, deadline: float) -> None:
        self.credentials, self.deadline = credentials, deadline
        self.refusal, self.slowest = "", 0.0
        self.last_poll = time.monotonic() - POLL
        # Without a file, Python uses the system's store.
        self.tls = ssl.create_default_context(cafile=credentials.ca_file)
        self.headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self.endpoint = self._log_in()
        self.headers["OpenStack-API-Version"] = MICROVERSION

    def _send(self, method: str, url: str, body: Any = None) -> Answer:
        """Send one request and return any answer. After a transient error, try again until the deadline."""
        data = None if body is None else json.dumps(body).encode()
        fault = NO_ANSWER
        while (remaining := self.deadline - time.monotonic()) > 0:
            start = time.monotonic()
            # The scheme of auth_url was checked with the file, and other URLs come from the cloud's own catalog.
            request = urllib.request.Request(url, data, self.headers, method=method)  # noqa: S310
            try:
                with urllib.request.urlopen(  # noqa: S310
                    request, timeout=min(remaining, REQUEST_LIMIT), context=self.tls
                ) as reply:
                    headers = {name.lower(): value for name, value in reply.headers.items()}
                    self.slowest = max(self.slowest, time.monotonic() - start)
                    return Answer(reply.status, headers, _json(reply.read()))
            except urllib.error.HTTPError as error:
                answer = Answer(error.code, {}, _body(error))
                if error.code not in TRANSIENT:
                    return answer
                fault = answer.reason()
            except ssl.SSLCertVerificationError as error:
                raise FenceError(f"{url}: the certificate is not trusted: {error.verify_message}") from None
            except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                if isinstance(reason, ssl.SSLCertVerificationError):
                    raise FenceError(
                        f"{url}: the certificate is not trusted ({reason.verify_message}); set ca_file"
                    ) from None
                # If the deadline cut this try short, the earlier answer tells more.
                if remaining >= REQUEST_LIMIT or fault == NO_ANSWER:
                    fault = str(reason) or type(reason).__name__
            time.sleep(min(POLL, max(0.0, self.deadline - time.monotonic())))
        raise OutOfTimeError(f"no success with {method} {url} in time, last: {fault}")

    def _log_in(self) -> str:
        """Store the token and return the URL of the compute service."""
        credentials = self.credentials
        identity = {
            "methods": ["application_credential"],
            "application_credential": {
                "id": credentials.application_credential_id,
                "secret": credentials.application_credential_secret,
            },
        }
        url = f"{credentials.auth_url.rstrip('/').removesuffix('/v3')}/v3/auth/tokens"
        answer = self._send("POST", url, {"auth": {"identity": identity}})
        try:
            self.headers["X-Auth-Token"] = answer.headers["x-subject-token"]
            catalog = answer.body["token"]["catalog"]
        except (KeyError, TypeError):
            raise FenceError(
                f"keystone at {credentials.auth_url} refuses application credential "
                f"{credentials.application_credential_id}: {answer.reason()}"
            ) from None
        urls = [
            str(endpoint["url"])
            for service in catalog
            if service["type"] == "compute"
            for endpoint in service["endpoints"]
            if endpoint["interface"] == credentials.interface
            and credentials.region in (None, endpoint["region"])
        ]
        if len(urls) != 1:
            where = f"interface {credentials.interface}, region {credentials.region or 'any'}"
            raise FenceError(f"the catalog has {len(urls)} compute endpoints with {where}, not one")
        return urls[0].rstrip("/")

    def _call(self, method: str, path: str, body: Any = None, also: tuple[int, ...] = ()) -> Answer:
        """Send a request to nova. Raises FenceError unless nova accepts it or its status is in `also`."""
        answer = self._send(method, f"{self.endpoint}/servers/{path}", body)
        if answer.status in (OK, ACCEPTED) or answer.status in also:
            return answer
        hint = ""
        if answer.status == UNAUTHORIZED:
            hint = "; its access rules lack this, or nova's [keystone_authtoken] has no service_type"
        raise FenceError(f"nova refuses {method} /servers/{path}: {answer.reason()}{hint}")

    def server(self, server: str) -> Server | None:
        """State of a server, None if the cloud has deleted it."""
        answer = self._call("GET", server, also=(NOT_FOUND,))
        if answer.status == NOT_FOUND:
            # With a wrong region or project, nova answers 404 for every server, also for one that runs.
            others = [other for other in self.credentials.servers.values() if other != server]
            if "itemNotFound" in (answer.body or {}) and any(
                self._call("GET", other, also=(NOT_FOUND,)).status != NOT_FOUND for other in others
            ):
                return None
            raise FenceError(f"the cloud knows neither {server} nor another server of the credentials' file")
        state = answer.body["server"]
        return Server(
            state["status"],
            state["OS-EXT-STS:task_state"],
            state["OS-EXT-STS:power_state"],
            dead=state.get("host_status") == "DOWN",
            # Nova omits the key if there are none.
            groups=tuple(group["name"] for group in state.get("security_groups", ())),
        )

    def act(self, server: str, action: Mapping[str, Any]) -> str | None:
        """Request id of an accepted action, None if the server is deleted, or its state or a policy forbids it."""
        answer = self._call("POST", f"{server}/action", action, also=REFUSALS)
        if answer.status in REFUSALS:
            self.refusal = f"; nova: {answer.reason()}"
            return None
        return answer.headers["x-compute-request-id"]

    def change_group(self, server: str, verb: str, group: str) -> int:
        """HTTP status after an order to `add` or `remove` a security group, by id or name: 202, or one of REFUSALS.

        Nova's API has neutron do it before it answers; the compute host is not involved.
        """
        answer = self._call(
            "POST", f"{server}/action", {f"{verb}SecurityGroup": {"name": group}}, also=REFUSALS
        )
        if answer.status in REFUSALS:
            self.refusal = f"; nova: {answer.reason()}"
        return answer.status

    def check_action(self, server: str) -> None:
        """Check that actions on the server are allowed, by an invalid one that nova must refuse with 400."""
        answer = self._call("POST", f"{server}/action", {"reboot": {"type": "NONE"}}, also=(BAD_REQUEST,))
        if answer.status != BAD_REQUEST:
            raise FenceError(f"nova took a reboot of no type on {server}: {answer.reason()}")

    def result(self, server: str, request: str, limit: float = float("inf")) -> str | None:
        """The compute host's result of an action: Success or Error, None without one in `limit` seconds."""
        end = time.monotonic() + limit
        while self.in_time() and time.monotonic() < end:
            answer = self._call("GET", f"{server}/os-instance-actions/{request}", also=(NOT_FOUND,))
            if answer.status != NOT_FOUND:
                # These actions have one event, that of the compute host, after it has started the action.
                for event in answer.body["instanceAction"].get("events", []):
                    if event["result"]:
                        return str(event["result"])
        return None

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """An earlier deadline for the requests in the context."""
        deadline, self.deadline = self.deadline, min(self.deadline, time.monotonic() + seconds)
        try:
            yield
        finally:
            self.deadline = deadline

    def in_time(self) -> bool:
        """Wait for the rest of the pause between two polls. Whether the deadline is still ahead."""
        time.sleep(max(0.0, POLL - (time.monotonic() - self.last_poll)))
        self.last_poll = time.monotonic()
        return self.last_poll < self.deadline


def _body(answer: urllib.error.HTTPError) -> Any:
    """None also if the connection breaks in the middle."""
    try:
        return _json(answer.read())
    except (OSError, http.client.HTTPException):
        return None


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
