"""A member of the database's cluster: what it does for each of Pacemaker's actions."""

from __future__ import annotations

from collections.abc import Mapping

from congress_database_entry import allow, hold_back
from congress_database_look import Configuration, DatabaseError, Look, wait_until
from congress_database_records import Mandate, State
from congress_database_server import Server
from congress_database_votes import (
    ELECTED_SCORE,
    WRITER_SCORE,
    Attributes,
    decides,
    elected,
    may_write,
    position_of,
    term_of,
    writer_of,
)

# Seconds: to apply what was received, for a former writer to see who decides, for a promotion to see what the others
# have, to end the sessions of a writer, and for its MariaDB to start in place: then another one takes over sooner.
APPLY_LIMIT, DECISION_LIMIT, PROMOTION_LIMIT, CLOSE_LIMIT, RESUME_LIMIT = 10.0, 10.0, 15.0, 20.0, 10.0


class Member:
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
        self.mandate.end()
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
        # The others must not wait for this member.
        self.cluster.withdraw()
        self.cluster.set_score(None)

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
        # Also without a promotion: Pacemaker finds the first writer of a new cluster, and keeps it.
        self.mandate.begin()

    def converge(self) -> None:
        """Follow the writer, or else hold, and say up to where this member has the writes.

        Not right after a demotion: the others then elect one of them, as this one mostly stops next.
        """
        look = self.server.look()
        if not look.writable and self.cluster.states().get(self.name) != "closes":
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

    def _follow(self, writer: str, term: int, look: Look, states: Mapping[str, str]) -> None:
        """Receive writes from now on, so this member's position is not valid any more."""
        server, mine = self.server, states.get(self.name)
        of_it = look.is_of(self.configuration.address_of(writer), self.configuration.port_of(writer))
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
        if not self.server.look().writable:
            self._open()
        allow()
        self._lead()

    def _open(self) -> None:
        self._hold()
        wait_until(PROMOTION_LIMIT, lambda: decides(self.cluster.states(), len(self.order)))
        if not may_write(self.cluster.states(), len(self.order), self.name):
            self.cluster.set_score(None)
            raise DatabaseError(
                f"{self.name} may lack writes, so it does not become the writer: {self.described()}"
            )
        positions = [position for state in self.cluster.states().values() if (position := position_of(state))]
        # Before the first write, so that no later election takes a former writer for this one.
        self.save("writer", max(term for term, _ in positions) + 1)
        self.server.open()

    def resume(self) -> bool:
        """Start the writer's MariaDB again, which ended by itself; whether it is the writer as before.

        Nobody else is promoted meanwhile, and the replicas receive again by themselves.
        """
        if self.server.serves or not self.mandate.allows_restart:
            return False
        self.mandate.restarts()
        try:
            self.server.start(keeps_tail=True, seconds=RESUME_LIMIT)
            self.server.open()
        except DatabaseError:
            self.mandate.end()
            self.cluster.withdraw()
            raise
        self._lead()
        return True

    def demote(self) -> None:
        self.mandate.end()
        self.cluster.publish("closes")
        # One that does not run takes no writes either.
        if self.server.runs and self.server.look().writable:
            hold_back(self.configuration.virtual_address)
            self.server.close(CLOSE_LIMIT)

    def require_harmless(self, node: str) -> None:
        """Raise DatabaseError unless a lost member can acknowledge no write, even if it runs.

        A write needs a second member, and the others either receive from another writer, or nothing. They follow nobody
        but a writer of this cluster again, and a lost one is none.
        """
        states = self.cluster.states()
        held = {name for name, state in states.items() if position_of(state) is not None}
        if node in states or (writer_of(states) is None and held != set(self.order) - {node}):
            raise DatabaseError(f"a write of {node} could still be acknowledged: {self.described()}")

    def ended(self) -> None:
        """Tell the cluster at once that MariaDB ended by itself, which Pacemaker's next monitor would see."""
        self.cluster.withdraw()
        self.cluster.report()

    def described(self) -> str:
        states = self.cluster.states()
        return ", ".join(f"{node} {states.get(node, 'is absent')}" for node in self.order)
