"""What the members of the database's cluster know of each other, and which of them may become the writer.

Each member has a Pacemaker attribute, which the cluster forgets when its host leaves:

- `writer:TERM:BEGINS`: it takes writes. Each promotion has a higher term. BEGINS: number of the last write before it.
- `follows`: it may receive writes, so it may have confirmed one at any moment.
- `full:TERM:NUMBER:LATEST`: it receives nothing since it said so, and has applied all that it had ever confirmed. TERM
  and NUMBER are those of its last write; it was told to follow a writer of the term LATEST.
- `part:TERM:NUMBER:LATEST`: it receives nothing, but may have lost something that it had confirmed.
- other words: it is busy with something, or needs an operator.

A write is answered when the writer and a replica have it. So two full members have it between them, and so have all
three if some are partial: the last writer keeps all of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping

from congress_database_look import DatabaseError, wait_until

# Not in Pacemaker's configuration (--private), where each change would make it calculate anew.
STATE = "congress-database-state"
# Pacemaker's name for the score of a promotion (crm_master).
SCORE = "master-database"
WRITER_SCORE, ELECTED_SCORE = 1000, 500
# Exit status of a query for an attribute that nobody has (seen with 2.1.5).
NO_SUCH = 78
# A line of the answer. Without a value the attribute was deleted.
ATTRIBUTE = re.compile(r'^name="[^"]*" host="([^"]*)" value="([^"]+)"$', re.MULTILINE)

# Term, and number of the last write.
Position = tuple[int, int]


def writer_of(states: Mapping[str, str]) -> str | None:
    """The member with the highest term that says it takes writes."""
    writers = {node: term_of(state) for node, state in states.items() if state.startswith("writer:")}
    return max(writers, key=lambda node: (writers[node], node)) if writers else None


def term_of(writer: str) -> int:
    return int(writer.split(":")[1])


def begins_of(writer: str) -> int:
    return int(writer.split(":")[2])


def position_of(state: str) -> Position | None:
    kind, *numbers = state.split(":")
    return (int(numbers[0]), int(numbers[1])) if kind in {"full", "part"} else None


def next_term(states: Mapping[str, str]) -> int:
    """Above the term of every writer that a held member knows of, also of one whose writes nobody has."""
    return max(int(state.split(":")[3]) for state in states.values() if position_of(state) is not None) + 1


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


def may_write(states: Mapping[str, str], members: int, node: str) -> bool:
    """Whether this member has all that the held ones have, and those every write that a client knows of."""
    positions = [position for state in states.values() if (position := position_of(state)) is not None]
    return decides(states, members) and position_of(states.get(node, "")) == max(positions)


class Attributes:
    """Pacemaker's attributes, of which each member writes its own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def states(self) -> dict[str, str]:
        """Node -> state, of the members whose hosts are in the cluster."""
        return _attributes(STATE)

    def has_writer(self) -> bool:
        """Whether the cluster sees the host of one who takes writes."""
        return writer_of(self.states()) is not None

    def publish(self, state: str) -> None:
        """Return when the cluster has it: all members receive the attributes in the same order."""
        _updater("--private", "--update", state, "--name", STATE)
        if not wait_until(10, lambda: self.states().get(self.name) == state, pause=0.02):
            raise DatabaseError(
                f"the cluster does not take the state of {self.name}: is Pacemaker running there?"
            )

    def withdraw(self) -> None:
        _updater("--delete", "--name", STATE)

    def set_score(self, score: int | None, node: str | None = None) -> None:
        """How much this member, or another one, should become the writer; None for not at all."""
        # Each update is a message to all members, also if it says nothing new.
        if _attributes(SCORE).get(node or self.name) == (None if score is None else str(score)):
            return
        value = ("--delete",) if score is None else ("--update", str(score))
        _updater(*value, "--name", SCORE, *(() if node is None else ("--node", node)))

    def report(self) -> None:
        """Report a failure of this member's MariaDB."""
        _pacemaker("crm_resource", "--fail", "--resource", "database", "--node", self.name)


def _attributes(name: str) -> dict[str, str]:
    """Node -> value of one of Pacemaker's attributes."""
    done = _pacemaker("attrd_updater", "--query", "--all", "--name", name, allowed=NO_SUCH)
    return dict(ATTRIBUTE.findall(done.stdout))


def _updater(*arguments: str) -> None:
    _pacemaker("attrd_updater", *arguments)


def _pacemaker(*command: str, allowed: int = 0) -> subprocess.CompletedProcess[str]:
    """Raises DatabaseError for any other exit status than 0 and `allowed`."""
    # With Pacemaker's variables of an agent, a query for all nodes has an answer of this one alone (2.1.5).
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCF_RESKEY_")}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DatabaseError(f"Pacemaker does not answer {command[0]} within 10 s") from None
    if done.returncode not in {0, allowed}:
        raise DatabaseError(f"{command[0]} ended with {done.returncode}: {' '.join(done.stderr.split())}")
    return done
