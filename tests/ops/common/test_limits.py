"""Time limits grow with the load of this machine."""

from __future__ import annotations

import pytest

from ops.common.limits import MAX_FACTOR, Limits


def test_limits_grow_with_the_load_of_this_machine_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    for load, factor in ((0.1, 1.0), (6.0, 3.0), (100.0, MAX_FACTOR)):
        monkeypatch.setattr("os.getloadavg", lambda load=load: (load, 0, 0))
        assert Limits.for_this_machine().factor == factor
    assert Limits().host + Limits().connect < 10
