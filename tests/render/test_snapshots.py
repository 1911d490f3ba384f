"""Files whose changes a reviewer must see; `pytest --snapshot-update` renews them."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.render.support.cases import Case, case

SHOWN = [
    case("congress_host/congress.conf.j2"),
    case("datasource_node/corosync.conf.j2"),
    case("datasource_node/ds_node.crm.j2", "defaults"),
    case("datasource_node/ds_node.crm.j2", "everything"),
    case("load_balancer/haproxy.cfg.j2", "3-engines-on-2-hosts"),
    case("load_balancer/haproxy.cfg.j2", "second-of-two"),
    case("load_balancer/keepalived.conf.j2", "first-of-two"),
    case("policy_engines/unit.service.j2"),
    case("access/ssh_config.j2"),
    *(case("host/user_data.yaml.j2", variant) for variant in ("plain", "everything", "bastion")),
]


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_rendered(shown: Case, snapshot: SnapshotAssertion) -> None:
    assert shown.text == snapshot
