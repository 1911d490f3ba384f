"""Any valid settings must give a whole stack, with files that their validators accept."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, example, given, settings

from components.fencing import password_login
from components.foundation import first_boot
from components.foundation.template import render
from components.inventory import roles
from components.preflight.cloud import ExistingNetwork
from roles import DATABASE
from settings import Settings, SettingsError
from tests.render.support.any_settings import settings as any_settings
from tests.render.support.cloud_init_schema import schema
from tests.render.support.congress_conf import Reader
from tests.render.support.contexts.common import PRIVATE_KEY
from tests.render.support.contexts.congress_host import AUTHTOKEN, CONGRESS
from tests.render.support.contexts.host import DEPLOYER_KEYS, HOST_KEY
from tests.render.support.haproxy_check import check
from tests.render.support.pair import Pacemaker, corosync
from tests.support.deployer import LOGIN
from tests.support.programs import program, run
from tests.unit.support import recording
from tests.unit.support.parsing import parse
from tests.unit.support.recording import WITH_KEYSTONE, Recording, settings_with

# A step's call of put_file: the path, and the content between the marks.
FILE = re.compile(r"^put_file \"([^\"]+)\" \S+ \S+ <<'(END_\w+)'\n(.*?)^\2$", re.MULTILINE | re.DOTALL)
KEYS = {"host_private_key": PRIVATE_KEY, "host_public_key": HOST_KEY, "deployer_public_keys": DEPLOYER_KEYS}
ALIKE = settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def passed(drawn: dict[str, Any]) -> Settings | None:
    """The settings, or None if they are refused; any other error fails."""
    try:
        parsed = parse(settings_with(**drawn))
        first_boot.check("test", "congress-test", parsed.guest, roles(parsed))
    except SettingsError:
        return None
    return parsed


def recorded(drawn: dict[str, Any], parsed: Settings) -> Recording:
    """The whole program, on a cloud that has everything the settings name."""
    cloud = replace(WITH_KEYSTONE, flavor_ids={name: f"id of {name}" for name in parsed.flavors.used()})
    if parsed.network.existing is not None:
        cloud = replace(cloud, existing_network=ExistingNetwork("n", "s", "10.9.0.0/24"))
    if parsed.auth == "noauth":
        cloud = replace(cloud, identity=None)
    if parsed.keystone.login is not None and cloud.identity is not None:
        cloud = replace(cloud, identity=replace(cloud.identity, registration=None))
    if parsed.datasource_node.fencing == "none":
        cloud = replace(cloud, login=None)
    return recording.run(settings_with(**drawn), cloud)


def files(script: str) -> dict[str, str]:
    """Path -> content of all files that a step's script writes."""
    return {path: content for path, _, content in FILE.findall(script)}


@settings(ALIKE, max_examples=150)
@given(any_settings())
@example(
    {
        "auth": "noauth",
        "guest": {"aptProxy": "http://u:ü😀@proxy.example", "aptMirror": "http://\\ud83d\\ude00.b"},
    }
)
@example(
    {
        "auth": "noauth",
        "datasourceNode": {
            "fencing": "fence_openstack",
            "fencingLogin": {"username": "😀", "password": "ß😀\x7f\n", "project": "p"},
        },
    }
)
def test_accepted_settings_are_read_back_unchanged_from_the_files(
    read: Reader, drawn: dict[str, Any]
) -> None:
    parsed = passed(drawn)
    if parsed is None:
        return
    guest, login = parsed.guest, parsed.keystone.login
    data = yaml.safe_load(first_boot.user_data("congress-test-database", DATABASE, guest, KEYS))
    apt = data.get("apt", {})
    assert apt.get("http_proxy") == guest.apt_proxy
    assert [mirror["uri"] for mirror in apt.get("primary", [])] == [guest.apt_mirror] * (
        guest.apt_mirror is not None
    )
    if (fencer := parsed.datasource_node.fencing_login) is not None:
        login_auth = yaml.safe_load(password_login(LOGIN, fencer))["clouds"]["congress-ha"]["auth"]
        assert (login_auth["username"], login_auth["password"]) == (
            fencer.username,
            fencer.password.get_secret_value(),
        )
    if login is not None:
        given = {**AUTHTOKEN, **login.user(), "region_name": parsed.keystone.region or "RegionOne"}
        configuration = read(
            render("congress_host/congress.conf.j2", {**CONGRESS, "authtoken": given}) + "\n"
        )
        assert configuration.errors == []
        assert {key: configuration.values[f"keystone_authtoken.{key}"] for key in given} == given


# Without shrinking, because each example is a whole stack.
@settings(ALIKE, max_examples=8, phases=[Phase.explicit, Phase.generate])
@given(any_settings())
def test_validators_accept_the_files_of_accepted_settings(read: Reader, drawn: dict[str, Any]) -> None:
    parsed = passed(drawn)
    if parsed is None:
        return
    stack = recorded(drawn, parsed)
    put: dict[str, str] = {}
    for step in stack.steps():
        script = step.inputs["stdin"]
        checked = run(program("bash"), "-n", stdin=script)
        assert (checked.returncode, checked.stderr) == (0, ""), step.name
        put |= files(script)
    with TemporaryDirectory() as made:
        folder = Path(made)
        address = re.search(r"ring0_addr: (\S+)", put["/etc/corosync/corosync.conf.new"])
        assert address
        text = put["/etc/corosync/corosync.conf.new"].replace(address[1], "10.20.0.11")
        verdicts = [
            corosync(text, folder),
            check(put["/etc/haproxy/haproxy.cfg.new"], folder),
            Pacemaker(folder).load(put["/etc/congress/ds-node.crm"]),
            schema(
                stack.by_name("bastion", "openstack:compute/instance:Instance").inputs["userData"], folder
            ),
        ]
    assert [status for status, _ in verdicts] == [0, 0, 0, 0], verdicts
    for path, content in put.items():
        if path.endswith("congress.conf") or re.search(r"/policy-engine-\d+\.conf$", path):
            assert read(content).errors == [], path
        if path.endswith(".json"):
            json.loads(content)
