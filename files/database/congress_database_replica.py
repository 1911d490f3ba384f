"""A member of the database's cluster as a replica: it follows the writer, or holds and takes part in the election."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from congress_database_look import Configuration, DatabaseError, Look, wait_until
from congress_database_peers import last_write
from congress_database_records import Mandate, State
from congress_database_server import Server
from congress_database_votes import (
    ELECTED_SCORE,
    Attributes,
    begins_of,
    elected,
    position_of,
    term_of,
    writer_of,
)

# Seconds to apply what was received, and to get what a writer has.
APPLY_LIMIT, CATCH_UP_LIMIT = 10.0, 5.0


class Replica:
    def __init__(self, configuration: Configuration) -> None:
        self.configuration, self.name = configuration, configuration.name
        self.server, self.cluster = Server(configuration), Attributes(configuration.name)
        self.mandate = Mandate(configuration)
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

    def save(self, state: State) -> None:
        if state != State.read(self.configuration):
            state.write(self.configuration)

    def converge(self) -> None:
        """Follow the writer, or else hold, and say up to where this member has the writes.

        Not right after a demotion: the others then elect one of them, as this one mostly stops next.
        """
        look = self.server.look()
        if not look.writable and self.cluster.states().get(self.name) != "closes":
            self._converge(look)

    def _converge(self, look: Look) -> None:
        states = self.cluster.states()
        writer = writer_of({node: state for node, state in states.items() if node != self.name})
        if writer is not None:
            self.cluster.set_score(None)
            self._follow(writer, look, states)
            return
        self._hold()
        self._elect()

    def _elect(self) -> None:
        """Tell Pacemaker who should be promoted. The last one to hold does it: another one would see it later."""
        states = self.cluster.states()
        if writer_of(states) is not None:
            return
        best = elected(states, self.order)
        for node in states:
            if position_of(states[node]) is not None:
                self.cluster.set_score(ELECTED_SCORE if node == best else None, node)

    def _follow(self, writer: str, look: Look, states: Mapping[str, str]) -> None:
        """Receive writes from now on, so this member's position is not valid any more."""
        of_it = self._is_of(writer, look)
        if of_it and look.diverged:
            self.save(replace(self.state, role="diverged"))
        if self.state.role == "copies" or (of_it and look.diverged):
            self._require_data(look.diverged)
        if not (of_it and look.receives):
            # The rest of what it has received would be deleted. The new writer has it.
            self._apply()
        if states.get(self.name) != "follows":
            self.cluster.publish("follows")
        state = self.state
        term, begins = term_of(states[writer]), begins_of(states[writer])
        role = state.role if state.role in {"part", "diverged"} else "replica"
        # Before it confirms the first write of this term.
        self.save(State(role, state.term, term, begins, writer))
        if not (of_it and look.receives):
            self.server.follow(writer)
            return
        self._advance(look)
        if role != "replica" and look.is_accepted and self._has_caught_up(writer):
            self.save(replace(self.state, role="replica"))

    def _is_of(self, writer: str, look: Look) -> bool:
        configuration = self.configuration
        return look.is_of(configuration.address_of(writer), configuration.port_of(writer))

    def _advance(self, look: Look) -> None:
        """Note whether it has the writes of former terms, and no others, that its writer had when its term began."""
        state = self.state
        is_of_its_writer = look.is_replica and state.writer != "" and self._is_of(state.writer, look)
        if is_of_its_writer and look.is_accepted and look.number >= state.begins:
            self.save(replace(state, term=state.latest))

    def _has_caught_up(self, writer: str) -> bool:
        """Whether it has all that the writer has now, so also what it had confirmed and lost."""
        try:
            wanted = last_write(self.configuration, writer)
        except DatabaseError:
            return False
        return wait_until(CATCH_UP_LIMIT, lambda: self.server.look().number >= wanted)

    def _require_data(self, why: str = "") -> None:
        """Raise DatabaseError, and tell the cluster, if this member's data must be replaced by the writer's."""
        role = self.state.role
        if role not in {"copies", "diverged"}:
            return
        if self.cluster.states().get(self.name) != role:
            self.cluster.publish(role)
        what = "an incomplete copy" if role == "copies" else "writes that a later writer lacks"
        mariadb = f" (MariaDB: {why})" if why else ""
        raise DatabaseError(f"{self.name} has {what}: on it, sudo congress-database rebuild{mariadb}")

    def _apply(self) -> Look | None:
        """Receive nothing more; the look then, None if what was received cannot be applied in time."""
        look = self.server.hold(APPLY_LIMIT)
        if look is not None:
            self._advance(look)
        return look

    def _hold(self) -> None:
        self._require_data()
        look, state = self._apply(), self.state
        kind = "part" if state.role == "part" else "full"
        mine = "holds" if look is None else f"{kind}:{state.term}:{look.number}:{state.latest}"
        if self.cluster.states().get(self.name) != mine:
            self.cluster.publish(mine)
