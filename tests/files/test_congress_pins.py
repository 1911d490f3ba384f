"""What the hosts install, and that they can trust it."""

import re
from pathlib import Path

CONGRESS = Path(__file__).parents[2] / "files" / "congress"
HASH = r" --hash=sha256:[0-9a-f]{64}"
REQUIREMENT = re.compile(rf"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)(?P<hashes>({HASH})+)")


def requirements(file: str) -> dict[str, re.Match[str]]:
    text = (CONGRESS / file).read_text().replace("\\\n", " ")
    lines = [re.sub(r"\s+", " ", line) for line in text.splitlines() if not line.startswith("#")]
    matches = {line: REQUIREMENT.fullmatch(line) for line in lines}
    assert [line for line, match in matches.items() if match is None] == []
    return {match["name"]: match for match in matches.values() if match}


def test_every_requirement_has_one_version_and_hashes() -> None:
    assert len(requirements("constraints.txt")) == 127
    assert list(requirements("uv.txt")) == ["uv"]


def test_the_pins_that_congress_depends_on() -> None:
    pins = {name: match["version"] for name, match in requirements("constraints.txt").items()}
    assert pins["openstack-congress"] == "11.0.0"
    assert pins["oslo-messaging"] == "14.7.2"
    assert pins["sqlalchemy"].startswith("1.4.")
    assert int(pins["oslo-db"].split(".")[0]) < 13
    assert {"pymysql", "cryptography"} <= pins.keys()


def test_the_agent_comes_from_the_pinned_source_distribution() -> None:
    source = requirements("sdist.txt")["openstack-congress"]
    assert source["hashes"].strip() in requirements("constraints.txt")["openstack-congress"]["hashes"]
    checksum, path = (CONGRESS / "congress-datasource.sha256").read_text().split()
    assert re.fullmatch(r"[0-9a-f]{64}", checksum)
    assert path == f"openstack-congress-{source['version']}/scripts/ocf/congress-datasource"
