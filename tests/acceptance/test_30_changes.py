"""`pulumi up` again: it changes nothing without a change, and otherwise only the steps concerned."""

from __future__ import annotations

import pytest

from tests.acceptance.support.deployment import Deployment

pytestmark = pytest.mark.timeout(900)

AGENTS = {"datasource-1-agent", "datasource-2-agent"}
CONGRESS_STEPS = {
    *AGENTS,
    *(f"{host}-configuration" for host in ("datasource-1", "datasource-2")),
    *(f"policy-engine-host-{i}-configuration" for i in (1, 2)),
    "datasource-node",
    "policy-engine-1",
    "policy-engine-2",
}


def steps_of_an_up(deployment: Deployment, *settings: str) -> set[str]:
    """Names of the remote steps that an `up` ran."""
    before = deployment.steps_run()
    deployment.up(*settings)
    after = deployment.steps_run()
    return {name for name, when in after.items() if before.get(name) != when}


def test_a_second_up_changes_nothing(deployment: Deployment) -> None:
    before = {urn: (r.get("id"), r.get("modified")) for urn, r in deployment.resources().items()}
    printed = deployment.up()
    summary = printed[printed.index("Resources:") :]
    assert "unchanged" in summary, summary
    assert not {"created", "updated", "replaced", "deleted"} & set(summary.split()), summary
    assert {urn: (r.get("id"), r.get("modified")) for urn, r in deployment.resources().items()} == before


def test_an_edited_setting_runs_the_steps_that_it_concerns_again_and_no_other(deployment: Deployment) -> None:
    assert steps_of_an_up(deployment, "policyEngines.syncPeriod=7") == CONGRESS_STEPS
    for engine in deployment.engines:
        assert deployment.on(
            engine["host"], "grep datasource_sync_period /etc/congress/congress.conf"
        ).endswith("= 7")
    assert deployment.api("GET", "/v1/policies").status == 200


def test_a_setting_of_the_cluster_does_not_touch_the_engines(deployment: Deployment) -> None:
    assert steps_of_an_up(deployment, "policyEngines.syncPeriod=7", "datasourceNode.monitorInterval=20s") == {
        *AGENTS,
        "datasource-node",
    }
    configured = deployment.on("datasource-1", "crm configure show ds-node")
    assert "op monitor interval=20s timeout=30s" in configured


def test_what_was_edited_is_put_back(deployment: Deployment) -> None:
    assert steps_of_an_up(deployment) == CONGRESS_STEPS
    configured = deployment.on("datasource-1", "crm configure show ds-node")
    assert "op monitor interval=30s timeout=30s" in configured
