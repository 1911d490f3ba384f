"""A role that is added is known to everything that tells roles apart; docs/design.md lists the places."""

from __future__ import annotations

import re

from components.foundation.firewall import ROLES
from components.inventory import roles
from tests.unit.recording import settings_with
from tests.unit.test_settings import parse
from tools.left import NAMES
from tools.replacement import MEANS


def test_make_replace_can_say_what_every_role_means() -> None:
    assert set(MEANS) == set(ROLES)


def test_what_is_left_is_recognised_by_every_host_s_and_every_role_s_name() -> None:
    hosts = roles(parse(settings_with(policyEngines={"count": 12})))
    assert set(hosts.values()) == set(ROLES)
    unknown = [name for name in (*hosts, *ROLES) if not re.fullmatch(NAMES, name)]
    assert unknown == []
