"""What the table shows of each role."""

from __future__ import annotations

from dataclasses import replace

from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineView, Lag
from ops.health.table import details, rows
from tests.ops.support.fact_changes import changed, healthy, view


def test_the_largest_datasources_are_named_with_the_age_of_their_rows() -> None:
    sizes: dict[str, tuple[int | None, int | None]] = {
        "small": (1, 4),
        "pushed": (2000, None),
        "nova": (48_000, 7),
        "old program": (None, None),
        "heat": (5, 2),
    }
    datasources = {name: DatasourceView(True, 200, "", rows, age) for name, (rows, age) in sizes.items()}  # noqa: FBT003
    seen = healthy()
    engines = seen[PolicyEngineHealth].engines
    first = engines["policy-engine-1"]
    assert isinstance(first.view, EngineView)
    other = replace(first, view=replace(first.view, datasources=datasources))
    seen = changed(seen, PolicyEngineHealth, engines={**engines, "policy-engine-1": other})
    assert rows(seen, [])["engines"][1].endswith(
        "5 datasources: nova 48,000 rows 7 s old, pushed 2,000 rows, heat 5 rows 2 s old"
    )


def test_how_far_each_engine_is_behind_is_one_number() -> None:
    seen = view(healthy(), lag=Lag(9, ("nova:flavors", "nova:servers"), ("heat",)))
    assert rows(seen, [])["engines"][1].endswith("up to date: policy-engine-2 7 of 9 tables (heat not known)")
    lag = {"subscribed": 9, "behind": ("nova:flavors", "nova:servers"), "silent": ("heat",)}
    assert details(seen) == {"lag": {"policy-engine-1": None, "policy-engine-2": lag}}
