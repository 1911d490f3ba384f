"""Resources that carry the stack's name are listed as leftovers, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openstack
import pytest
from openstack.exceptions import ConfigException
from typer import Exit

from ops.stack.leftovers import leftovers, main
from tests.ops.support.fake_cloud import FakeCloud, thing
from tests.unit.support import recording


def test_everything_with_the_stack_s_name_is_a_leftover() -> None:
    """The names that the program registers, and no name of a stack whose own name only has the same beginning."""
    plurals = {
        "Instance": "servers",
        "ServerGroup": "server_groups",
        "Port": "ports",
        "SecGroup": "security_groups",
        "Network": "networks",
        "Subnet": "subnets",
        "Router": "routers",
        "FloatingIp": "ips",
        "ApplicationCredential": "application_credentials",
    }
    things: dict[str, list[SimpleNamespace]] = {}
    for made in recording.run().resources.values():
        service, _, kind = made.type.rpartition(":")
        if service.startswith("openstack:") and kind in plurals:
            attributes = {
                "name": made.inputs.get("name", "fencing-0a1b2c3"),
                "description": made.inputs.get("description"),
            }
            things.setdefault(plurals[kind], []).append(thing(made.name, **attributes))
    assert things.keys() == set(plurals.values())
    cloud: Any = FakeCloud(**things)
    assert len(list(leftovers(cloud, f"congress-{recording.STACK}"))) == sum(map(len, things.values()))
    assert list(leftovers(cloud, f"congress-{recording.STACK[:-1]}")) == []
    assert list(leftovers(cloud, f"congress-{recording.STACK}-2")) == []


def test_an_unreachable_cloud_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: Any) -> None:
        raise ConfigException("Cloud mine was not found.\nKnown are: others.")

    monkeypatch.setenv("STACK", "prod")
    monkeypatch.setattr(openstack, "connect", fail)
    with pytest.raises(Exit) as over:
        main()
    assert over.value.exit_code == 1
    assert capsys.readouterr().err == (
        "leftovers: the cloud could not be asked what is named congress-prod: Cloud mine was not found; set OS_CLOUD "
        "to a cloud of your clouds.yaml, or the OS_* variables\n"
    )


def test_a_cloud_without_leftovers_is_said_to_have_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STACK", "prod")
    monkeypatch.setattr(openstack, "connect", lambda **_: FakeCloud())
    main()
    assert (
        capsys.readouterr().err
        == "leftovers: nothing in the cloud is named congress-prod or like a part of it\n"
    )
