"""`pulumi up` again, without a change."""

from __future__ import annotations

import pytest

from tests.acceptance.support.deployment import Deployment

pytestmark = pytest.mark.timeout(900)


def test_a_second_up_changes_nothing(deployment: Deployment) -> None:
    before = {urn: (r.get("id"), r.get("modified")) for urn, r in deployment.resources().items()}
    printed = deployment.up()
    summary = printed[printed.index("Resources:") :]
    assert "unchanged" in summary, summary
    assert not {"created", "updated", "replaced", "deleted"} & set(summary.split()), summary
    assert {urn: (r.get("id"), r.get("modified")) for urn, r in deployment.resources().items()} == before
