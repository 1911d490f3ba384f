"""What the members of the database's cluster know of each other, and which of them may become the writer.

Each member has a Pacemaker attribute, which the cluster forgets when its host leaves:

- `writer:TERM`: it takes writes. Each promotion has a higher term.
- `follows`: it may receive writes, so it may have confirmed one at any moment.
- `full:TERM:NUMBER`: it receives nothing since it said so, and has applied all that it had ever confirmed.
- `part:TERM:NUMBER`: it receives nothing, but may have lost something that it had confirmed.
- other words: it is busy with something.

A write is answered when the writer and a replica have it. So two full members have it between them, and so have all
three if some are partial: the last writer keeps all of its own.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from congress_database_look import DatabaseError, wait_until

STATE = "congress-database"
# Pacemaker's name for the score of a promotion (crm_master).
SCORE = "master-database"
WRITER_SCORE, ELECTED_SCORE = 1000, 500

# Term, and number of the last write.
Position = tuple[int, int]


def writer_of(states: Mapping[str, str]) -> str | None:
    """The member with the highest term that says it takes writes."""
    writers = {node: term_of(state) for node, state in states.items() if state.startswith("writer:")}
    return max(writers, key=lambda node: (writers[node], node)) if writers else None


def term_of(state: str) -> int:
    return int(state.split(":")[1]) if ":" in state else 0


def position_of(state: str) -> Position | None:
    kind, *numbers = state.split(":")
    return (int(numbers[0]), int(numbers[1])) if kind in {"full", "part"} else None


def decides(states: Mapping[str, str], members: int) -> bool:
    """Whether the members with these states have every write that a client knows of."""
    full = sum(state.startswith("full:") for state in states.values())
    held = sum(position_of(state) is not None for state in states.values())
    return full > members // 2 or held == members


def elected(states: Mapping[str, str], order: list[str]) -> str | None:
    """The member that may become the writer, None if nobody may. Of equal ones the first of `order`, for all alike."""
    if not decides(states, len(order)):
        return None
    positions = {
        node: position for node, state in states.items() if (position := position_of(state)) is not None
    }
    return max(positions, key=lambda node: (positions[node], -order.index(node)))


class Attributes:
    """Pacemaker's attributes, of which each member writes its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def states(self) -> dict[str, str]:
        """Node -> state, of the members whose hosts are in the cluster."""
        done = _updater("--query", "--all", "--name", STATE, "--output-as=xml")
        # Nobody has one yet.
        if done.returncode:
            return {}
        found = ET.fromstring(done.stdout).iter("attribute")  # noqa: S314  of this host's own daemon
        return {one.attrib["host"]: one.attrib["value"] for one in found if one.attrib.get("value")}

    def publish(self, state: str) -> None:
        """Return when the cluster has it: all members receive the attributes in the same order."""
        _updater("--update", state, "--name", STATE)
        if not wait_until(10, lambda: self.states().get(self.name) == state):
            raise DatabaseError(
                f"the cluster does not take the state of {self.name}: is Pacemaker running there?"
            )

    def withdraw(self) -> None:
        _updater("--delete", "--name", STATE)

    def set_score(self, score: int | None) -> None:
        _updater(*(("--delete",) if score is None else ("--update", str(score))), "--name", SCORE)


def _updater(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["attrd_updater", *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except subprocess.TimeoutExpired:
        raise DatabaseError("Pacemaker's attributes do not answer within 10 s") from None
