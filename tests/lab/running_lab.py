"""What programs rely on in a running lab: by hand, against the lab of LAB_STATE, in about 3 minutes.

LAB_STATE=/var/lib/second-lab .venv/bin/pytest --timeout 600 tests/lab/running_lab.py
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import openstack
import pytest

from tests.lab.support.guests import PREFIX, STATE, Guest, clean, connect, create, keygen, make_network, until

# The SDK warns about its own future and about options that nobody set.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}")
    for kind in ("DeprecationWarning", "PendingDeprecationWarning")
]
ADDRESS = "10.77.0.250"


@pytest.fixture(scope="session")
def cloud() -> Any:
    return connect()


@pytest.fixture(scope="session")
def guests(cloud: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Guest]]:
    """Three servers of a strict anti-affinity group, each with cloud-init behind it."""
    clean(cloud)
    work = tmp_path_factory.mktemp("guests")
    cloud.compute.create_keypair(name=PREFIX + "key", public_key=keygen(work / "key")[1])
    network, group = make_network(cloud)
    hints = {"group": cloud.compute.create_server_group(name=PREFIX + "group", policy="anti-affinity").id}
    # One after another: members created at the same moment can end in ERROR (nova's own race).
    made = [
        create(cloud, work, name, network=network, group=group, hints=hints)
        for name in ("one", "two", "three")
    ]
    for guest in made:
        guest.wait()
        guest.run("cloud-init status --wait", 300)
    yield made
    clean(cloud)


def test_anti_affinity_puts_each_on_a_host_of_its_own(cloud: Any, guests: list[Guest]) -> None:
    assert len({cloud.compute.get_server(guest.id).host_id for guest in guests}) == 3


def test_cloud_init_does_what_user_data_says(guests: list[Guest]) -> None:
    assert guests[0].run(
        "hostname; sudo cat /etc/lab-test /root/runcmd; stat -c %a /etc/lab-test"
    ).split() == [
        "one",
        "written",
        "run",
        "640",
    ]
    assert guests[0].run("jq --version").startswith("jq-")


def test_guests_reach_debian_and_pypi(guests: list[Guest]) -> None:
    guests[1].run(
        "sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends python3-venv", 300
    )
    guests[1].run("python3 -m venv v && v/bin/pip -q download --no-deps requests==2.32.3", 120)


def test_only_members_of_the_group_get_in(guests: list[Guest]) -> None:
    one, two, _ = guests
    two.run("sudo systemd-run --unit web python3 -m http.server 8080 -d /etc/network")
    fetch = f"curl -s -m 5 -o /dev/null -w %{{http_code}} http://{two.fixed}:8080/"
    until("web server", 30, lambda: one.ssh(fetch).stdout == "200")
    outside = ["curl", "-s", "-m", "5", "-o", "/dev/null", f"http://{two.floating}:8080/"]
    assert subprocess.run(outside, check=False).returncode == 28  # timed out: dropped


def answers(holder: Guest, other: Guest) -> bool:
    """The holder says where the address is now, and the other guest can reach it."""
    holder.ssh(f"sudo ping -c1 -W1 -I {ADDRESS} {other.fixed}")
    return other.ssh(f"ping -c1 -W1 {ADDRESS}").returncode == 0


def test_an_allowed_address_moves_between_hosts(cloud: Any, guests: list[Guest]) -> None:
    one, two, three = guests
    for guest in (one, two):
        cloud.network.update_port(guest.port, allowed_address_pairs=[{"ip_address": ADDRESS}])
    for holder in (one, two):
        holder.run(f"sudo ip addr add {ADDRESS}/24 dev eth0")
        until(f"{ADDRESS} on {holder.name}", 60, partial(answers, holder, three))
        holder.run(f"sudo ip addr del {ADDRESS}/24 dev eth0")


def stop_and_start(cloud: Any, guest: Guest) -> None:
    cloud.compute.stop_server(guest.id)
    until("SHUTOFF", 90, lambda: cloud.compute.get_server(guest.id).status == "SHUTOFF")
    cloud.compute.start_server(guest.id)


@pytest.mark.parametrize(
    "restart",
    [
        pytest.param(lambda c, g: c.compute.reboot_server(g.id, "HARD"), id="hard"),
        pytest.param(lambda c, g: c.compute.reboot_server(g.id, "SOFT"), id="soft"),
        pytest.param(stop_and_start, id="stop-start"),
        pytest.param(
            lambda _c, g: g.run(
                "sudo systemd-run --on-active=1 --timer-property=AccuracySec=100ms systemctl reboot"
            ),
            id="inside",
        ),
    ],
)
def test_a_restarted_server_comes_back_with_its_disk(
    cloud: Any, guests: list[Guest], restart: Callable[[Any, Guest], object]
) -> None:
    guest = guests[2]
    guest.run("sudo touch /root/kept /run/before; sync")
    restart(cloud, guest)
    guest.wait("test ! -e /run/before && sudo test -e /root/kept")
    until("ACTIVE", 60, lambda: cloud.compute.get_server(guest.id).status == "ACTIVE")


def test_the_console_log_shows_the_boot(cloud: Any, guests: list[Guest]) -> None:
    assert "loud-init" in cloud.compute.get_server_console_output(guests[0].id)["output"]


def test_an_application_credential_with_access_rules(cloud: Any, guests: list[Guest]) -> None:
    """It may look at one server and act on it, and nothing else: what a fencing agent needs."""
    target = guests[2]
    user = cloud.current_user_id
    # The server's own id: {server_id} in a rule matches any one word, "detail" (the list of all) with it.
    rules = [
        {"service": "compute", "method": "GET", "path": f"/v2.1/servers/{target.id}"},
        {"service": "compute", "method": "POST", "path": f"/v2.1/servers/{target.id}/action"},
    ]
    made = cloud.identity.create_application_credential(user=user, name=PREFIX + "fence", access_rules=rules)
    try:
        auth = {
            "auth_url": cloud.config.get_auth_args()["auth_url"],
            "application_credential_id": made.id,
            "application_credential_secret": made.secret,
        }
        restricted = openstack.connect(
            load_yaml_config=False,
            auth_type="v3applicationcredential",
            auth=auth,
            region_name=cloud.config.region_name,
        )

        def call(service: str, method: str, path: str, **kw: Any) -> int:
            base = restricted.session.get_endpoint(service_type=service, interface="public")
            status: int = restricted.session.request(
                f"{base}{path}", method, raise_exc=False, **kw
            ).status_code
            return status

        target.run("sudo touch /run/before")
        assert call("compute", "GET", f"/servers/{target.id}") == 200
        assert (
            call("compute", "POST", f"/servers/{target.id}/action", json={"reboot": {"type": "HARD"}}) == 202
        )
        target.wait("test ! -e /run/before")
        # Nova passes these on to neutron with its service token, so neutron does not compare the rules.
        (port,) = cloud.network.ports(device_id=target.id)
        for change, left in (("removeSecurityGroup", []), ("addSecurityGroup", port.security_group_ids)):
            for group in port.security_group_ids:
                body = {change: {"name": group}}
                assert call("compute", "POST", f"/servers/{target.id}/action", json=body) == 202
            assert cloud.network.get_port(port.id).security_group_ids == left
        for service, method, path in (
            ("compute", "GET", "/servers"),
            ("compute", "GET", f"/servers/{guests[0].id}"),
            ("compute", "POST", f"/servers/{guests[0].id}/action"),
            ("compute", "GET", "/servers/detail"),
            ("compute", "DELETE", f"/servers/{target.id}"),
            ("compute", "GET", "/flavors"),
            ("image", "GET", "/v2/images"),
            ("network", "GET", "/v2.0/networks"),
        ):
            assert call(service, method, path) == 401, f"{method} {path} of {service} was not refused"
    finally:
        cloud.identity.delete_application_credential(user, made)


def test_the_demo_user_is_no_admin_and_has_room_for_two_deployments(cloud: Any) -> None:
    with pytest.raises(openstack.exceptions.ForbiddenException):
        cloud.identity.create_service(name=PREFIX + "no", type="no")
    limits = cloud.compute.get_limits().absolute
    assert limits.instances >= 2 * 14
    assert limits.total_ram >= 2 * 14 * 2048


def test_state_files_are_private() -> None:
    for name in ("clouds.yaml", "openrc", "secrets.env", "guest-settings.json", "settings.env"):
        assert Path(STATE, name).stat().st_mode & 0o077 == 0, name
