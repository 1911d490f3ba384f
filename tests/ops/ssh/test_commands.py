"""Single commands on hosts, with a stand-in for ssh that runs them on this machine."""

from __future__ import annotations

import tempfile
import time

import pytest

from ops.ssh.commands import HostError, Hosts


def test_output_and_input_of_a_command(hosts: Hosts) -> None:
    assert hosts.run("database", 'echo "it\'s $(cat)"', stdin=b"here") == "it's here"


def test_a_file_is_sent_from_its_beginning_and_one_is_filled(hosts: Hosts) -> None:
    content = b"line\n" * 100_000
    with tempfile.TemporaryFile() as sent, tempfile.TemporaryFile() as filled:
        sent.write(content)
        sent.seek(0)
        assert sent.readline() == b"line\n"
        assert hosts.run("database", "cat", stdin=sent, stdout=filled) == ""
        filled.seek(0)
        assert filled.read() == content


def test_a_failure_names_the_host_and_says_why_without_a_login(hosts: Hosts) -> None:
    with pytest.raises(HostError) as failed:
        hosts.run("database", "echo first >&2; echo 'no mysql://u:secret@db/x' >&2; false")
    assert str(failed.value) == "database: no mysql://***@db/x"
    with pytest.raises(HostError, match=r"^database: exit code 3: exit 3$"):
        hosts.run("database", "exit 3")


@pytest.mark.parametrize("command", ["false | true", "false; true", "echo $unset"])
def test_a_failure_in_the_middle_is_one(hosts: Hosts, command: str) -> None:
    with pytest.raises(HostError):
        hosts.run("database", command)


def test_a_host_that_is_not_reached(hosts: Hosts) -> None:
    with pytest.raises(HostError, match=r"^lost: ssh: connect to host 10.0.0.2 port 22: No route to host$"):
        hosts.run("lost", "true")
    assert not hosts.is_reachable("lost")
    assert hosts.is_reachable("database")
    assert not hosts.is_reachable("database", "false")


def test_a_command_that_hangs_ends_in_time(hosts: Hosts) -> None:
    began = time.monotonic()
    with pytest.raises(HostError, match=r"^database: not finished within 0 s: sleep 60$"):
        hosts.run("database", "sleep 60", timeout=0.3)
    assert time.monotonic() - began < 10
