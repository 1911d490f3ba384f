"""The three hosts of the database, validated by MariaDB, crmsh, corosync and Pacemaker."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from components.foundation.template import ROOT, render
from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.contexts.database import DATABASE_NAMES
from tests.render.support.contexts.datasource_node import COROSYNC_OF_DATABASE
from tests.render.support.database_files import mariadb
from tests.support.programs import missing, private, program, run

ADDRESS_AGENT = Path("/usr/lib/ocf/resource.d/heartbeat/IPaddr2")


@pytest.mark.parametrize("case", cases(Validator.MARIADB_MEMBER), ids=str)
def test_a_member_begins_as_nobody_s_replica_and_takes_no_writes(case: Case, tmp_path: Path) -> None:
    status, values, errors = mariadb(case.text, tmp_path)
    assert (status, errors) == (0, "")
    assert values["server-id"] == "2"
    assert values["read-only"] == values["skip-slave-start"] == values["gtid-strict-mode"] == "TRUE"
    # No answer to a client without a copy, however long that takes; and a copy is on a disk.
    assert values["rpl-semi-sync-master-wait-point"] == "AFTER_SYNC"
    assert values["rpl-semi-sync-master-wait-no-slave"] == "TRUE"
    assert int(values["rpl-semi-sync-master-timeout"]) > 10**9
    assert (
        values["sync-binlog"] == values["sync-relay-log"] == values["innodb-flush-log-at-trx-commit"] == "1"
    )


def test_a_majority_decides() -> None:
    text = render("datasource_node/corosync.conf.j2", COROSYNC_OF_DATABASE)
    assert "two_node" not in text
    assert [line.split()[1] for line in text.splitlines() if "name: " in line][1:] == DATABASE_NAMES


@pytest.mark.parametrize("case", cases(Validator.CRM_OF_DATABASE), ids=str)
def test_pacemaker_accepts_writer_address_and_devices(case: Case, tmp_path: Path) -> None:
    program("fence_openstack")
    if not ADDRESS_AGENT.exists():
        missing("no resource-agents; `make validators` installs them")
    agents, fencing = tmp_path / "resource.d", tmp_path / "sbin"
    for folder in (agents / "congress", agents / "heartbeat", fencing):
        folder.mkdir(parents=True)
    for file in (
        *(ROOT / "files/fencing").glob("*.py"),
        *(ROOT / "files/database").glob("congress_database_*.py"),
    ):
        shutil.copy(file, fencing)
    (fencing / "fence_congress_openstack.py").rename(fencing / "fence_congress_openstack").chmod(0o755)
    shutil.copy(ROOT / "files/database/congress_mariadb.py", agents / "congress/mariadb")
    (agents / "congress/mariadb").chmod(0o755)
    shutil.copy(ADDRESS_AGENT, agents / "heartbeat")
    cib, file = tmp_path / "cib.xml", tmp_path / "database.crm"
    names = "".join(f'<node id="{number}" uname="{name}"/>' for number, name in enumerate(DATABASE_NAMES, 1))
    empty = run(program("cibadmin"), "--empty").stdout.replace("<cib ", '<cib have-quorum="1" ', 1)
    cib.write_text(empty.replace("<nodes/>", f"<nodes>{names}</nodes>"))
    file.write_text(case.text)
    environment = {"CIB_file": str(cib), "HOME": str(tmp_path), "TERM": "dumb", "PYTHONPATH": str(fencing)}
    load: list[str | Path] = [program("crm"), "configure", "load", "update", file]
    done = run(
        *private(load, {"/usr/lib/ocf/resource.d": agents}, overlays={"/usr/sbin": fencing}), env=environment
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    loaded = ET.parse(cib).getroot()  # noqa: S314  written by Pacemaker itself
    meta = {pair.get("name"): pair.get("value") for pair in loaded.findall(".//clone/meta_attributes/nvpair")}
    assert (meta["promotable"], meta["promoted-max"], meta["notify"]) == ("true", "1", "true")
    together, order = loaded.find(".//rsc_colocation"), loaded.find(".//rsc_order")
    assert together is not None
    assert order is not None
    assert (together.get("rsc"), together.get("with-rsc-role")) == ("database-address", "Promoted")
    assert (order.get("first-action"), order.get("then")) == ("promote", "database-address")
    properties = {pair.get("name"): pair.get("value") for pair in loaded.findall(".//crm_config//nvpair")}
    assert (properties["stonith-enabled"], properties["no-quorum-policy"]) == ("true", "stop")


def test_an_older_agent_can_read_a_newer_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its actions fail during an upgrade, its stop, too, and Pacemaker has the host rebooted."""
    (text,) = re.findall(r'^\{"authority".*\}$', case("database/member.sh.j2").text, re.MULTILINE)
    landed = {
        "authority",
        "members",
        "name",
        "password",
        "recovery",
        "socket",
        "state",
        "user",
        "virtual_address",
    }
    assert landed <= json.loads(text).keys()
    (tmp_path / "database.json").write_text(json.dumps({**json.loads(text), "of_later": 1}))
    monkeypatch.setenv("CONGRESS_DATABASE", str(tmp_path / "database.json"))
    monkeypatch.syspath_prepend(ROOT / "files/database")
    read = importlib.import_module("congress_database_look").Configuration.read()
    assert read.virtual_address == "10.20.0.9"


def test_a_change_of_the_agent_is_one_change(tmp_path: Path) -> None:
    """Pacemaker runs it at any moment, so no file of an older version may be among those of a newer one."""
    script = case("database/member.sh.j2").text
    files = {path.name for path in (ROOT / "files/database").glob("congress_database*.py")}
    written = re.findall(r'put_file "(/usr/local/lib/congress-ha/database-[0-9a-f]+)/(\w+\.py)"', script)
    ((folder,),) = ({path for path, _ in written},)
    assert {name for _, name in written} == files | {"congress_mariadb.py"}
    assert re.findall(r"^put_link (\S+) (\S+)$", script, re.MULTILINE) == [
        ("/usr/lib/ocf/resource.d/congress/mariadb", f"{folder}/congress_mariadb.py"),
        ("/usr/local/sbin/congress-database", f"{folder}/congress_database.py"),
    ]
    # Python looks for the other files beside the one that a link leads to.
    link = tmp_path / "mariadb"
    link.symlink_to(ROOT / "files/database/congress_mariadb.py")
    assert (
        "<resource-agent"
        in subprocess.run(
            [sys.executable, link, "meta-data"], capture_output=True, text=True, check=True
        ).stdout
    )
