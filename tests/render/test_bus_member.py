"""The step of a member of the message bus, with fakes of RabbitMQ and systemd: how it joins, and when it restarts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.foundation.template import render
from tests.render.support.contexts.messaging import BUS_CLUSTER, BUS_MEMBERS
from tests.render.support.library import ME, Library

MEMBER = BUS_MEMBERS[0]
# A node answers if it has a file; its cluster is what the file says. `busy`: how often it is too slow for a connection.
RABBITMQCTL = """node={member}
busy=$(cat {folder}/busy)
if [ "$busy" -gt 0 ]; then echo $((busy - 1)) > {folder}/busy; exit 69; fi
if [ "$2" = -n ]; then node=${{3#rabbit@}}; shift 2; fi
case $2 in
  ping) [ -e {folder}/node-$node ] ;;
  cluster_status) cat {folder}/node-$node ;;
  forget_cluster_node) sed -i 's/"rabbit@{member}",*//' {folder}/node-$node ;;
  list_users) echo congress ;;
  list_vhosts) echo congress ;;
esac"""
# A unit is active if its file exists. The node joins when it starts without any data.
SYSTEMCTL = """case $1 in
  is-active) [ -e {folder}/active ] ;;
  stop) rm -f {folder}/active ;;
  start|restart)
    [ "$2" = rabbitmq-server ] || exit 0
    touch {folder}/active
    if [ ! -e {mnesia} ]; then mkdir -p {mnesia}; cp {folder}/joined {folder}/node-{member}; fi ;;
esac"""
QUORUM = "rabbitmq-upgrade -q await_online_quorum_plus_one"
RESTART, STOP, START = (f"systemctl {verb} rabbitmq-server" for verb in ("restart", "stop", "start"))
FORGET = f"forget_cluster_node rabbit@{MEMBER}"


def status(*members: str) -> str:
    nodes = [f"rabbit@{member}" for member in members]
    return json.dumps({"disk_nodes": nodes, "running_nodes": nodes}, separators=(",", ":"))


class Host:
    def __init__(self, folder: Path) -> None:
        self.library, self.folder = Library(folder), folder
        self.mnesia = folder / f"lib/mnesia/rabbit@{MEMBER}"
        values = {"folder": folder, "member": MEMBER, "mnesia": self.mnesia}
        self.library.fake("rabbitmqctl", RABBITMQCTL.format(**values))
        self.library.fake("systemctl", SYSTEMCTL.format(**values))
        self.library.fake("dpkg-query", "echo installed")
        for name in ("rabbitmq-upgrade", "rabbitmq-queues", "openssl"):
            self.library.fake(name)
        (folder / "lib").mkdir()
        self.busy(0)
        self.joins(*BUS_MEMBERS)

    def joins(self, *members: str) -> None:
        """The nodes that this node finds when it starts without data."""
        (self.folder / "joined").write_text(status(*members))

    def node(self, member: str, *members: str) -> Path:
        """A node that runs, with its cluster."""
        file = self.folder / f"node-{member}"
        file.write_text(status(*members))
        return file

    def busy(self, times: int) -> None:
        """How often RabbitMQ is too slow for its command line tool from now on."""
        (self.folder / "busy").write_text(str(times))

    def run(self, **changes: Any) -> tuple[list[str], str]:
        """The calls that change something or wait, and the errors."""
        folder = self.folder
        script = render("messaging/rabbitmq.sh.j2", {**BUS_CLUSTER, "address": MEMBER, **changes})
        for owner in ("root:root", "root:rabbitmq", "rabbitmq:rabbitmq"):
            script = script.replace(f" {owner} ", f" {ME} ")
        for path, own in {"/etc": folder / "etc", "/var/lib/rabbitmq": folder / "lib"}.items():
            script = script.replace(f"{path}/", f"{own}/")
        script = script.replace("wait_until 60 in_one_cluster", "wait_until 1 in_one_cluster")
        script = re.sub(
            r"^runs_at\(\) .*$", f'runs_at() {{ [ -e {folder}/node-"$1" ]; }}', script, flags=re.MULTILINE
        )
        self.library.forget_calls()
        done = self.library.run(f"{script}\nkeep_record")
        wanted = (QUORUM, RESTART, STOP, START, "rabbitmq-queues")
        calls = [call for call in self.library.calls if call.startswith(wanted) or FORGET in call]
        return calls, done.stderr


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def member(host: Host) -> Host:
    """A host that is a member."""
    for other in BUS_MEMBERS[1:]:
        host.node(other, *BUS_MEMBERS[1:])
    assert host.run() == ([STOP, RESTART, GROW], "")
    for other in BUS_MEMBERS[1:]:
        host.node(other, *BUS_MEMBERS)
    return host


GROW = f"rabbitmq-queues -q grow rabbit@{MEMBER} all"


def test_the_first_one_waits_for_nobody(host: Host) -> None:
    host.joins(MEMBER)
    assert host.run() == ([STOP, RESTART, GROW], "")


def test_a_new_server_is_forgotten_before_it_starts(host: Host) -> None:
    known = [host.node(other, *BUS_MEMBERS) for other in BUS_MEMBERS[1:]]
    # They are one cluster, so one of them is enough.
    known[1].unlink()
    forget = f"rabbitmqctl -q -n rabbit@{BUS_MEMBERS[1]} {FORGET}"
    assert host.run() == ([STOP, forget, RESTART, GROW], "")


def test_a_longer_address_is_another_node(host: Host) -> None:
    host.node(BUS_MEMBERS[1], *BUS_MEMBERS[1:], f"{MEMBER}0")
    assert FORGET not in " ".join(host.run()[0])


def test_a_member_that_runs_is_left_alone(member: Host) -> None:
    assert member.run() == ([GROW], "")


def test_a_busy_member_is_asked_again_before_it_restarts(member: Host) -> None:
    tried = member.folder / "tried"
    member.library.fake("rabbitmq-upgrade", f"[ -e {tried} ] || {{ touch {tried}; exit 69; }}")
    assert member.run(port=5672) == ([QUORUM, QUORUM, RESTART, GROW], "")


def test_a_busy_member_is_asked_again(member: Host) -> None:
    """Seen in CI: the first answer after a restart on a busy machine was that the node is unreachable."""
    member.busy(4)
    assert member.run() == ([GROW], "")


def test_a_member_that_never_answers_is_an_error(member: Host) -> None:
    member.busy(1000)
    calls, errors = member.run()
    assert calls == []
    assert "RabbitMQ does not start" in errors


def test_a_changed_file_restarts_it_when_the_others_can_go_on(member: Host) -> None:
    assert member.run(port=5672) == ([QUORUM, RESTART, GROW], "")


def test_it_does_not_restart_while_the_others_need_it(member: Host) -> None:
    # As seen with 3.10.8.
    member.library.fake("rabbitmq-upgrade", "echo 'Error:'; echo 'time is up, no quorum + 1 online'; exit 69")
    calls, errors = member.run(port=5672)
    assert calls == [QUORUM]
    assert "could not go on without it: repair those first" in errors


def test_a_cluster_of_its_own_joins_one_that_serves(member: Host) -> None:
    member.node(MEMBER, MEMBER)
    for other in BUS_MEMBERS[1:]:
        member.node(other, *BUS_MEMBERS[1:])
    assert member.run() == ([STOP, START, GROW], "")


def test_a_member_of_another_cluster_is_not_reset(member: Host) -> None:
    """It is not alone, so both parts may have clients."""
    member.node(MEMBER, *BUS_MEMBERS[:2])
    member.node(BUS_MEMBERS[2], BUS_MEMBERS[2])
    calls, errors = member.run()
    assert calls == []
    assert "is not in one cluster with all that run" in errors


def test_one_of_a_cluster_is_alone_from_now_on(member: Host) -> None:
    (member.mnesia / "of-the-cluster").touch()
    # From before the cluster: a user whose password was rotated since.
    (member.mnesia.parent / "rabbit@congress-dev-messaging").mkdir()
    calls, errors = member.run(members=[], virtual_host="/")
    assert (calls, errors) == ([STOP, RESTART], "")
    assert [file.name for file in member.mnesia.parent.iterdir()] == [member.mnesia.name]
    assert not (member.mnesia / "of-the-cluster").exists()
    assert not list(member.folder.rglob("congress-member.conf"))


def test_a_change_to_a_single_one_may_be_taken_back_in_the_middle(member: Host) -> None:
    """Its cookie is still that of the cluster, but it runs with another name."""
    member.run(members=[], virtual_host="/")
    known = [member.node(other, *BUS_MEMBERS[1:]) for other in BUS_MEMBERS[1:]]
    member.mnesia.joinpath("of-the-single-one").touch()
    member.mnesia.rename(member.mnesia.with_name("rabbit@congress-dev-messaging"))
    assert len(known) == len(BUS_MEMBERS) - 1
    assert member.run() == ([STOP, RESTART, GROW], "")


def test_a_single_one_makes_its_cookie_once(host: Host) -> None:
    """Debian's package makes it when it is installed; the prebuilt image has none."""
    host.library.fake("openssl", "[ $1 != rand ] || echo random")
    cookie = host.folder / "lib/.erlang.cookie"
    assert host.run(members=[], virtual_host="/") == ([RESTART], "")
    assert (cookie.read_text(), cookie.stat().st_mode & 0o777) == ("random\n", 0o400)
    cookie.chmod(0o600)
    cookie.write_text("its own\n")
    assert host.run(members=[], virtual_host="/") == ([], "")
    assert cookie.read_text() == "its own\n"
