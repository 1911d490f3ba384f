"""The programs that read the rendered files of the datasource node's pair: corosync, crmsh and Pacemaker."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

from components.foundation.template import ROOT
from tests.render.support.contexts.datasource_node import CLUSTER, MEMBERS
from tests.support.programs import ocf_agent, private, program, run

HERE = str(MEMBERS[0]["address"])


def corosync(text: str, folder: Path) -> tuple[int, str]:
    """Result of `corosync -t` on a host with the first member's address and the step's authkey."""
    etc = folder / "corosync"
    etc.mkdir(exist_ok=True)
    (etc / "corosync.conf").write_text(text)
    (etc / "authkey").write_text(f"{CLUSTER['authkey']}\n")
    checked = run(*private([program("corosync"), "-t"], {"/etc/corosync": etc}, [HERE]))
    return checked.returncode, checked.stdout + checked.stderr


class Pacemaker:
    """crmsh and Pacemaker's tools on a cluster description in a file, with Congress's agent and ours installed."""

    def __init__(self, folder: Path) -> None:
        program("fence_openstack")
        self.fencing = folder / "sbin"
        self.fencing.mkdir()
        for file in (ROOT / "files/fencing").glob("*.py"):
            shutil.copy(file, self.fencing)
        agent = (self.fencing / "fence_congress_openstack.py").rename(
            self.fencing / "fence_congress_openstack"
        )
        agent.chmod(0o755)
        self.agents, self.cib = folder / "resource.d", folder / "cib.xml"
        (self.agents / "openstack").mkdir(parents=True)
        shutil.copy(ocf_agent(), self.agents / "openstack")
        (self.agents / "openstack/congress-datasource").chmod(0o755)
        self.env = {"CIB_file": str(self.cib), "HOME": str(folder), "TERM": "dumb"}
        # As on the pair, both hosts are in the membership.
        empty = run(program("cibadmin"), "--empty").stdout
        nodes = "".join(f'<node id="{member["id"]}" uname="{member["name"]}"/>' for member in MEMBERS)
        cib = empty.replace("<cib ", '<cib have-quorum="1" ', 1).replace(
            "<nodes/>", f"<nodes>{nodes}</nodes>"
        )
        self.cib.write_text(cib)

    def load(self, text: str) -> tuple[int, str]:
        """`crm configure load update` as in the step; its exit status and its complaints."""
        file = self.cib.with_name("ds-node.crm")
        file.write_text(text)
        argv = private(
            [program("crm"), "configure", "load", "update", file],
            {"/usr/lib/ocf/resource.d": self.agents},
            overlays={"/usr/sbin": self.fencing},
        )
        done = run(*argv, env=self.env)
        # Pacemaker reports this for every cluster without fencing.
        complaints = [line for line in (done.stdout + done.stderr).splitlines() if "Blind faith" not in line]
        return done.returncode, "\n".join(complaints)

    def plan(self, first: str) -> str:
        """The actions of Pacemaker on the second host if it is up and the first one's state has these attributes."""
        lost, here = (str(member["name"]) for member in MEMBERS)
        up = 'in_ccm="true" crmd="online" join="member" expected="member"'
        states = "".join(
            f'<node_state id="{number}" uname="{name}" {state}/>'
            for number, (name, state) in enumerate({lost: first, here: up}.items(), start=1)
        )
        seen = self.cib.with_name("seen.xml")
        seen.write_text(self.cib.read_text().replace("<status/>", f"<status>{states}</status>"))
        done = run(program("crm_simulate"), "--xml-file", seen, "--simulate")
        assert done.returncode == 0, done.stderr
        return done.stdout.partition("Transition Summary:")[2].partition("Executing")[0]

    @property
    def xml(self) -> ET.Element:
        return ET.parse(self.cib).getroot()  # noqa: S314  written by Pacemaker itself
