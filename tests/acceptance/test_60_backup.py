"""`make backup`, and `make restore` into the same deployment."""

from __future__ import annotations

from pathlib import Path

import pytest
from openstack.connection import Connection

from ops.data import archive
from tests.acceptance.support import backup_sample, congress
from tests.acceptance.support.deployment import CommandError, Deployment

pytestmark = pytest.mark.timeout(600)


def test_a_backup_holds_the_database_and_the_key_and_no_password(
    deployment: Deployment, clouds: dict[str, Connection], backup_file: Path
) -> None:
    backup_sample.prepare(deployment, clouds["lab-admin"])
    backup_sample.works(deployment, clouds["lab-admin"])
    backup_sample.make("backup", f"FILE={backup_file}")
    assert backup_sample.private(backup_file)
    with archive.read(backup_file) as backup:
        assert backup.key == backup_sample.aes_key(deployment)
        dump = backup.dump.read().decode()
    assert backup_sample.RULES[1] in dump
    config = congress.datasource_of("keystonev3", backup_sample.DATASOURCE, clouds["lab-admin"])["config"]
    assert config["password"] not in dump


def test_a_file_that_exists_is_not_replaced(deployment: Deployment, backup_file: Path) -> None:
    assert deployment.endpoint
    before = backup_file.read_bytes()
    with pytest.raises(CommandError, match="already exists and was not changed"):
        backup_sample.make("backup", f"FILE={backup_file}")
    assert backup_file.read_bytes() == before


def test_what_was_deleted_is_back_and_the_dump_taken_before_leads_back_again(
    deployment: Deployment, clouds: dict[str, Connection], backup_file: Path
) -> None:
    congress.forget(deployment, backup_sample.POLICY, backup_sample.DATASOURCE)
    assert backup_sample.rules(deployment) == set()
    backup_sample.make("restore", f"FILE={backup_file}")
    assert backup_sample.rules(deployment) == set(backup_sample.RULES)
    backup_sample.works(deployment, clouds["lab-admin"])

    (before,) = [name for name in backup_sample.dumps(deployment) if name.startswith("before-restore-")][-1:]
    assert "incoming.sql.gz" not in backup_sample.dumps(deployment)
    backup_sample.make("restore", f"DUMP={before}")
    assert backup_sample.rules(deployment) == set()


def test_a_damaged_file_is_refused_and_stops_nothing(
    deployment: Deployment, backup_file: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(backup_file.read_bytes()[:-100])
    node = 'crm_mon -1 --output-as=xml | grep -c \'<resource id="ds-node".*role="Started"\''
    since = "systemctl show -P ActiveEnterTimestampMonotonic 'congress-policy-engine@*'"
    engine = deployment.engines[0]["host"]
    before = deployment.on(engine, since)
    with pytest.raises(CommandError, match="is not a backup of congress-ha, or is damaged"):
        backup_sample.make("restore", f"FILE={damaged}")
    assert deployment.on(engine, since) == before
    assert deployment.on("datasource-1", node) == "1"
