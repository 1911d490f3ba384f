"""A stand-in for a Pulumi plugin: it creates nothing, and passes everything else on to the real plugin.

The engine attaches to it by PULUMI_DEBUG_PROVIDERS. It makes the state of a deployment without a cloud and without
hosts. The real plugin then compares that state with the program, as it does on a real cloud.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import grpc  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN, _special_secret_sig, _special_sig_key

# Values that the cloud decides, and that are not texts.
DECIDED: tuple[tuple[set[str], Any], ...] = (
    (
        {
            *("allFixedIps", "allSecurityGroupIds", "allTags", "allocationPools", "availabilityZoneHints"),
            *("dnsAssignments", "externalFixedIps", "members", "securityGroups", "segments", "serviceTypes"),
        },
        [],
    ),
    ({"allMetadata", "binding", "rules"}, {}),
    ({"adminStateUp", "portSecurityEnabled", "stateful"}, True),
    ({"distributed", "enableSnat", "external", "shared", "transparentVlan"}, False),
    ({"mtu"}, 1500),
)


def address(network: str, name: str) -> str:
    """An address of the /16 `network`, by the resource's name."""
    number = crc32(name.encode())
    return f"{network}.{number % 256}.{number // 256 % 254 + 1}"


def created(type_: str, name: str) -> dict[str, Any]:
    """The outputs of a new resource that are not inputs."""
    match type_:
        case "command:remote:Command":
            secret = {_special_sig_key: _special_secret_sig, "value": ""}
            return {"stdout": secret, "stderr": secret}
        case "openstack:networking/port:Port":
            return {"allFixedIps": [address("10.20", name)]}
        case "openstack:networking/floatingIp:FloatingIp":
            return {"address": address("203.0", name)}
        case "openstack:identity/applicationCredential:ApplicationCredential":
            return {"secret": {_special_sig_key: _special_secret_sig, "value": f"secret-of-{name}"}}
    return {}


class StandIn(provider_pb2_grpc.ResourceProviderServicer):
    def __init__(self, plugin: provider_pb2_grpc.ResourceProviderStub) -> None:
        self.plugin = plugin
        for method in vars(provider_pb2_grpc.ResourceProviderServicer):
            if method[0].isupper() and method != "Create":
                setattr(self, method, _passing_on(getattr(plugin, method)))

    def Create(  # noqa: N802  Pulumi's own name
        self, request: provider_pb2.CreateRequest, _: Any
    ) -> provider_pb2.CreateResponse:
        planned = provider_pb2.CreateRequest()
        planned.CopyFrom(request)
        planned.preview = True
        inputs = {k: v for k, v in MessageToDict(request.properties).items() if k != "__defaults"}
        outputs = inputs | MessageToDict(self.plugin.Create(planned).properties)
        response = provider_pb2.CreateResponse(id=str(uuid.uuid5(uuid.NAMESPACE_URL, request.urn)))
        response.properties.update(
            _known(outputs) | created(request.type, request.name) | {"id": response.id}
        )
        return response


def _known(value: Any, key: str = "") -> Any:
    """The value, with a substitute for whatever the cloud would decide."""
    match value:
        case dict():
            return {inner_key: _known(inner, inner_key) for inner_key, inner in value.items()}
        case list():
            return [_known(inner) for inner in value]
    return next((made for keys, made in DECIDED if key in keys), "") if value == UNKNOWN else value


def _passing_on(call: Any) -> Any:
    def handler(request: Any, context: Any) -> Any:
        try:
            return call(request)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())

    return handler


@contextmanager
def standing_in(programs: Mapping[str, Path], env: Mapping[str, str]) -> Iterator[str]:
    """Serve a stand-in for each plugin: the value of PULUMI_DEBUG_PROVIDERS.

    `programs`: name of the plugin -> its file. `env`: what the plugins need of the cloud.
    """
    with ExitStack() as stack:
        ports = {name: stack.enter_context(_serving(file, env)) for name, file in programs.items()}
        yield ",".join(f"{name}:{port}" for name, port in ports.items())


@contextmanager
def _serving(program: Path, env: Mapping[str, str]) -> Iterator[int]:
    # The engine's address, an argument that a plugin requires; the engine sends its own in Attach.
    argv = [str(program), "127.0.0.1:1"]
    with subprocess.Popen(argv, env=os.environ | env, stdout=subprocess.PIPE, text=True) as real:
        assert real.stdout is not None
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{int(real.stdout.readline())}", options) as channel:
            server = grpc.server(futures.ThreadPoolExecutor(8), options=options)
            provider_pb2_grpc.add_ResourceProviderServicer_to_server(
                StandIn(provider_pb2_grpc.ResourceProviderStub(channel)), server
            )
            port = server.add_insecure_port("127.0.0.1:0")
            server.start()
            try:
                yield port
            finally:
                server.stop(1).wait()
                real.terminate()
