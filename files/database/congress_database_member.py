"""A member of the database's cluster: what it does for each of Pacemaker's actions."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from congress_database_look import Configuration, DatabaseError, Look, wait_until
from congress_database_server import Server
from congress_database_votes import (
    ELECTED_SCORE,
    WRITER_SCORE,
    Attributes,
    decides,
    elected,
    position_of,
    term_of,
    writer_of,
)

# Seconds: to apply what was received, to see what the others have, and for a former writer to see who decides.
APPLY_LIMIT, OTHERS_LIMIT, DECISION_LIMIT, PROMOTION_LIMIT, CLOSE_LIMIT = 10.0, 1.5, 10.0, 15.0, 20.0


@dataclass(frozen=True)
class State:
    """What a member must know after a restart, a JSON file that exists as soon as it has the data.

    `term`: of the last writer that it was or followed. `role`, for the case that it ends without a word: `writer` has
    all of its writes; `replica` then loses what it has received and not applied; `stopped` has lost nothing; `part`
    may have lost something, and is no full member until it has caught up with a writer; `copies` has incomplete data.
    """

    role: str
    term: int

    @classmethod
    def read(cls, configuration: Configuration) -> State | None:
        try:
            return cls(**json.loads(Path(configuration.state).read_text()))
        except FileNotFoundError:
            return None

    def write(self, configuration: Configuration) -> None:
        """Durable when it returns."""
        file = Path(configuration.state)
        new = file.with_suffix(".new")
        with new.open("w") as text:
            json.dump(self.__dict__, text)
            text.flush()
            os.fsync(text.fileno())
        new.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Member:
    def __init__(self, configuration: Configuration) -> None:
        self.configuration, self.name = configuration, configuration.name
        self.server, self.cluster = Server(configuration), Attributes(configuration.name)
        # Equal ones are not all the same: the first host is where the data was before there were others.
        self.order = list(configuration.members)

    @property
    def state(self) -> State:
        state = State.read(self.configuration)
        if state is None:
            raise DatabaseError(
                f"{self.name} has no copy of the database: on it, sudo congress-database rebuild"
            )
        return state

    def save(self, role: str, term: int) -> None:
        if (new := State(role, term)) != State.read(self.configuration):
            new.write(self.configuration)

    def start(self) -> None:
        """Start MariaDB as a replica of nobody. The next monitor lets it follow the writer."""
        before = self.state
        if self.server.answers:
            return
        self.cluster.publish("starts")
        without_it = before.role == "writer" and self._others_decide()
        role = {"stopped": "replica", "replica": "part"}.get(before.role, before.role)
        self.save("part" if without_it else role, before.term)
        self.server.start(keeps_tail=not without_it)

    def _others_decide(self) -> bool:
        """Whether a writer exists or will be elected without this former one, whose last writes nobody may have."""

        def others() -> dict[str, str]:
            return {node: state for node, state in self.cluster.states().items() if node != self.name}

        def decided() -> bool:
            return writer_of(others()) is not None or decides(others(), len(self.order))

        return len(others()) > 1 and wait_until(DECISION_LIMIT, decided)

    def stop(self) -> None:
        """Stop MariaDB. If nothing is lost by it, the state says so."""
        state = State.read(self.configuration)
        whole = False
        if self.server.answers and state is not None:
            self.cluster.publish("stops")
            whole = state.role != "part" and (
                self.server.look().writable or self.server.hold(APPLY_LIMIT) is not None
            )
        if self.server.runs:
            whole = self.server.stop() and whole
            if whole and state is not None and state.role == "replica":
                self.save("stopped", state.term)
        self.leave()

    def leave(self) -> None:
        """The others must not wait for this member."""
        self.cluster.set_score(None)
        self.cluster.withdraw()

    def monitor(self) -> bool:
        """Whether it is the writer. A replica also does what the others' states demand."""
        look = self.server.look()
        if look.writable:
            self._lead()
        else:
            self._converge(look)
        return look.writable

    def _lead(self) -> None:
        mine = f"writer:{self.state.term}"
        if self.cluster.states().get(self.name) != mine:
            self.server.wait_for_replicas()
            self.cluster.publish(mine)
        self.cluster.set_score(WRITER_SCORE)

    def converge(self) -> None:
        """Follow the writer, or else hold, and say up to where this member has the writes."""
        look = self.server.look()
        if not look.writable:
            self._converge(look)

    def _converge(self, look: Look) -> None:
        if self.state.role == "copies":
            self.cluster.publish("copies")
            raise DatabaseError(f"{self.name} has an incomplete copy: on it, sudo congress-database rebuild")
        states = self.cluster.states()
        writer = writer_of({node: state for node, state in states.items() if node != self.name})
        if writer is not None:
            self.cluster.set_score(None)
            self._follow(writer, term_of(states[writer]), look, states)
            return
        self._hold()
        # Otherwise the one that is elected would see it only in its next monitor.
        wait_until(OTHERS_LIMIT, lambda: decides(self.cluster.states(), len(self.order)))
        mine = elected(self.cluster.states(), self.order) == self.name
        self.cluster.set_score(ELECTED_SCORE if mine else None)

    def _follow(self, writer: str, term: int, look: Look, states: Mapping[str, str]) -> None:
        """Receive writes from now on, so this member's position is not valid any more."""
        server, mine = self.server, states.get(self.name)
        of_it = look.is_of(server.address(writer), server.port(writer))
        if of_it and (why := look.diverged):
            if mine != "diverged":
                self.cluster.publish("diverged")
            raise DatabaseError(
                f"{self.name} cannot follow {writer}, on it: sudo congress-database rebuild (MariaDB: {why})"
            )
        role = self.state.role
        if not (of_it and look.receives):
            # The rest of what it has received would be deleted. The new writer has it.
            server.hold(APPLY_LIMIT)
            self.cluster.publish("follows")
            # Before it confirms the first write of this term.
            self.save("part" if role == "part" else "replica", term)
            server.follow(writer)
            return
        if mine != "follows":
            self.cluster.publish("follows")
        self.save("replica" if look.is_level else role, term)

    def _hold(self) -> None:
        state = self.state
        number = self.server.hold(APPLY_LIMIT)
        kind = "part" if state.role == "part" else "full"
        mine = "holds" if number is None else f"{kind}:{state.term}:{number}"
        if self.cluster.states().get(self.name) != mine:
            self.cluster.publish(mine)

    def promote(self) -> None:
        """Become the writer. Raises DatabaseError unless this member has every write that a client knows of."""
        if self.server.look().writable:
            self._lead()
            return
        self._hold()
        wait_until(PROMOTION_LIMIT, lambda: decides(self.cluster.states(), len(self.order)))
        if elected(self.cluster.states(), self.order) != self.name:
            self.cluster.set_score(None)
            raise DatabaseError(
                f"{self.name} may lack writes, so it does not become the writer: {self.described()}"
            )
        positions = [position for state in self.cluster.states().values() if (position := position_of(state))]
        # Before the first write, so that no later election takes a former writer for this one.
        self.save("writer", max(term for term, _ in positions) + 1)
        self.server.open()
        self._lead()

    def demote(self) -> None:
        self.cluster.set_score(None)
        self.cluster.publish("closes")
        # One that does not run takes no writes either.
        if self.server.runs and self.server.look().writable:
            self.server.close(CLOSE_LIMIT)

    def described(self) -> str:
        states = self.cluster.states()
        return ", ".join(f"{node} {states.get(node, 'is absent')}" for node in self.order)
