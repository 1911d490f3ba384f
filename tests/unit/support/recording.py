"""Runs __main__.py under Pulumi's mocks and records every registration as the engine would receive it.

Tests with mocks pass silently if nothing is awaited. So tests only use the record, and a request for a resource that
was never registered is an error.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
import runpy
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch
from zlib import crc32

import pulumi
from google.protobuf import empty_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks
from pulumi.runtime.proto import resource_pb2
from pulumi.runtime.settings import ROOT as ROOT_RESOURCE
from pulumi.runtime.settings import _get_rpc_manager

from components.preflight import cloud, recorded
from components.preflight.state import State, parse_state
from tests.support.deployer import IDENTITY, LOGIN, SCOPE

ROOT = Path(__file__).resolve().parents[3]
STACK = "test"
SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"

SETTINGS: dict[str, Any] = {
    "image": "debian-12",
    "flavors": {"default": "small"},
    "network": {"externalNetwork": "public"},
    "access": {"sshCidrs": ["192.0.2.0/28"], "apiCidrs": ["198.51.100.0/24"]},
    "auth": "noauth",
}
CLOUD = cloud.Cloud("image-id", "image plain", {"small": "flavor-small"}, "external-id", SCOPE, login=LOGIN)
# What `pulumi stack export` prints.
EXPORTED: dict[str, Any] = {}
WITH_KEYSTONE = replace(CLOUD, identity=IDENTITY)


def settings_with(**changes: Any) -> dict[str, Any]:
    """SETTINGS with some keys replaced, as a stack's config would hold them."""
    return {**copy.deepcopy(SETTINGS), **changes}


@dataclass(frozen=True)
class Registration:
    """One resource as the program registered it. `secrets`: inputs that are secret as a whole."""

    urn: str
    type: str
    name: str
    inputs: Mapping[str, Any]
    secrets: frozenset[str]
    dependencies: tuple[str, ...]
    parent: str
    options: resource_pb2.RegisterResourceRequest


@dataclass
class Recording:
    """All registrations of one run of the program, the outputs of the stack, and those of components by URN."""

    resources: dict[str, Registration] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: frozenset[str] = frozenset()
    component_outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def of_type(self, type_: str) -> list[Registration]:
        """Resources of a type, at least one."""
        matches = [resource for resource in self.resources.values() if resource.type == type_]
        if not matches:
            raise LookupError(f"no resource of type {type_} was registered")
        return matches

    def by_name(self, name: str, type_: str | None = None) -> Registration:
        """Resource `name`; `type_` is needed if several have the name."""
        matches = [r for r in self.resources.values() if r.name == name and type_ in (None, r.type)]
        if len(matches) != 1:
            raise LookupError(f"{len(matches)} resources are named {name}")
        return matches[0]

    def step(self, name: str) -> Registration:
        return self.by_name(name, STEP)

    def steps(self) -> list[Registration]:
        return self.of_type(STEP)

    def needs(self, later: Registration, earlier: Registration) -> bool:
        """Whether `later` must wait for `earlier`, directly or through others."""
        seen: set[str] = set()
        todo = list(later.dependencies)
        while todo:
            urn = todo.pop()
            if urn == earlier.urn:
                return True
            if urn not in seen:
                seen.add(urn)
                todo += self.resources[urn].dependencies
        return False


STEP = "command:remote:Command"


class RecordingMonitor(mocks.MockMonitor):
    """Answers a create as the engine does, and stores the raw requests."""

    made: ClassVar[dict[str, dict[str, Any]]] = {
        "tls:index/privateKey:PrivateKey": {
            "privateKeyOpenssh": "CANARY-private-key-of-{name}",
            "privateKeyPem": "CANARY-private-key-of-{name}\n",
            "publicKeyOpenssh": "ssh-ed25519 public-key-of-{name}\n",
        },
        "tls:index/selfSignedCert:SelfSignedCert": {"certPem": "certificate-of-{name}\n"},
        "tls:index/certRequest:CertRequest": {"certRequestPem": "request-of-{name}\n"},
        "tls:index/locallySignedCert:LocallySignedCert": {"certPem": "certificate-of-{name}\n"},
        "random:index/randomPassword:RandomPassword": {"result": "CANARY-password-of-{name}"},
        "openstack:identity/applicationCredential:ApplicationCredential": {
            "secret": "CANARY-secret-of-{name}"
        },
        "command:remote:Command": {"stdout": "", "stderr": ""},
    }

    def __init__(self) -> None:
        super().__init__(_NoMocks())
        self.recording = Recording()

    def RegisterResource(  # noqa: N802  Pulumi's own name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        raw = MessageToDict(request.object)
        inputs = {key: _plain(value) for key, value in raw.items()}
        if urn in self.recording.resources:
            raise ValueError(f"{urn} was registered twice")
        self.recording.resources[urn] = Registration(
            urn=urn,
            type=request.type,
            name=request.name,
            inputs=inputs,
            secrets=frozenset(key for key, value in raw.items() if _is_secret(value)),
            dependencies=tuple(request.dependencies),
            parent=request.parent,
            options=request,
        )
        state = {**raw, **self._made(request)}
        response = resource_pb2.RegisterResourceResponse(urn=urn, id=f"{request.name}-id")
        response.object.update(state)
        return response

    def _made(self, request: resource_pb2.RegisterResourceRequest) -> dict[str, Any]:
        values = {
            key: value.replace("{name}", request.name)
            for key, value in self.made.get(request.type, {}).items()
        }
        if request.type == "openstack:networking/port:Port":
            return {"allFixedIps": [address("10.20", request.name)]}
        if request.type == "openstack:networking/floatingIp:FloatingIp":
            return {"address": address("203.0", request.name)}
        if "stdout" in values and (
            attempt := re.search(r'^echo "(attempt \d+)"$', str(_stdin(request)), re.MULTILINE)
        ):
            values["stdout"] = attempt[1]
        secret = set(request.additionalSecretOutputs)
        return {k: {SIGNATURE_KEY: SECRET, "value": v} if k in secret else v for k, v in values.items()}

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  Pulumi's own name
        raw = MessageToDict(request.outputs)
        self.recording.component_outputs[request.urn] = raw
        if request.urn.endswith(f"::pulumi:pulumi:Stack::congress-ha-{STACK}"):
            self.recording.outputs = {key: _plain(value) for key, value in raw.items()}
            self.recording.secret_outputs = frozenset(key for key, value in raw.items() if _is_secret(value))
        return empty_pb2.Empty()


def _stdin(request: resource_pb2.RegisterResourceRequest) -> Any:
    return _plain(MessageToDict(request.object).get("stdin", ""))


def address(network: str, name: str) -> str:
    """An address of the /16 `network` by the resource's name: the order of registrations depends on threads."""
    number = crc32(name.encode())
    return f"{network}.{number % 256}.{number // 256 % 254 + 1}"


class _NoMocks(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"the program asked the cloud in a way that has no mock: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError(f"the recording monitor answers for itself: {args.typ}")


def run(settings: Mapping[str, Any] | None = None, existing: cloud.Cloud = CLOUD) -> Recording:
    """Run the whole program with a stack's settings on a cloud with `existing`."""
    monitor = RecordingMonitor()
    values = SETTINGS if settings is None else settings
    with (
        patch.object(cloud, "look_up", lambda *_: existing),
        patch.object(recorded, "begin", lambda: completed(parse_state(EXPORTED))),
    ):
        try:
            asyncio.run(_program(monitor, values))
        except BaseException:
            # What a failed run leaves behind belongs to its event loop, and the next run would wait for it.
            pulumi.runtime.settings.SETTINGS.outputs.clear()
            _get_rpc_manager().clear()
            raise
    return monitor.recording


def completed(state: State) -> Future[State]:
    """A future with this state, as after an export."""
    done: Future[State] = Future()
    done.set_result(state)
    return done


async def _program(monitor: RecordingMonitor, values: Mapping[str, Any]) -> None:
    mocks.set_mocks(_NoMocks(), project="congress-ha", stack=STACK, preview=False, monitor=monitor)
    ROOT_RESOURCE.set(None)  # a stack of our own, so that its outputs are recorded
    pulumi.runtime.set_all_config(
        {f"congress-ha:{k}": v if isinstance(v, str) else json.dumps(v) for k, v in values.items()}
    )
    await pulumi.runtime.run_in_stack(_run_main)


def _run_main() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and value.get(SIGNATURE_KEY) == SECRET


def _plain(value: Any) -> Any:
    if _is_secret(value):
        return _plain(value["value"])
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
