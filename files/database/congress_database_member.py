"""A member of the database's cluster: what it does for each of Pacemaker's actions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from congress_database_entry import allow, hold_back
from congress_database_look import DatabaseError, wait_until
from congress_database_records import State
from congress_database_replica import Replica
from congress_database_votes import WRITER_SCORE, decides, may_write, next_term, position_of, writer_of

# Seconds: for a former writer to see who decides, for a promotion to see what the others have, to end a writer's
# sessions, and for its MariaDB to start in place: then another member takes over sooner.
DECISION_LIMIT, PROMOTION_LIMIT, CLOSE_LIMIT, RESUME_LIMIT = 10.0, 15.0, 20.0, 10.0


class Member(Replica):
    def start(self) -> None:
        """Start MariaDB as a replica of nobody. The next monitor lets it follow the writer."""
        before = self.state
        if self.server.answers:
            return
        self.cluster.publish("starts")
        without_it = before.role == "writer" and self._others_decide()
        if without_it:
            self.save(replace(before, role="part"))
        self.server.start(keeps_tail=not without_it)
        if before.role == "stopped":
            self.save(replace(before, role="replica"))

    def unit_starts(self) -> None:
        """Note that MariaDB starts, whoever has ended it: its unit calls this before."""
        state = State.read(self.configuration)
        if state is not None and state.role == "replica":
            self.save(replace(state, role="part"))

    def _others_decide(self) -> bool:
        """Whether a writer exists or will be elected without this former one, whose last writes nobody may have."""

        def others() -> dict[str, str]:
            return {node: state for node, state in self.cluster.states().items() if node != self.name}

        def decided() -> bool:
            return writer_of(others()) is not None or decides(others(), len(self.order))

        # One other member alone elects nobody, but it may be the writer.
        return wait_until(DECISION_LIMIT if len(others()) > 1 else 0, decided)

    def stop(self) -> None:
        """Stop MariaDB. If nothing is lost by it, the state says so."""
        self.mandate.end()
        state = State.read(self.configuration)
        whole = False
        if self.server.answers and state is not None:
            self.cluster.publish("stops")
            # If the disk is full, the state stays as it is, and the member is a partial one after its next start.
            with suppress(OSError):
                whole = self.server.look().writable or self._apply() is not None
        if self.server.runs:
            whole = self.server.stop() and whole
            if whole and self.state.role == "replica":
                with suppress(OSError):
                    self.save(replace(self.state, role="stopped"))
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
        state = self.state
        mine = f"writer:{state.term}:{state.begins}"
        if self.cluster.states().get(self.name) != mine:
            self.server.wait_for_replicas()
            self.cluster.publish(mine)
        self.cluster.set_score(WRITER_SCORE)
        # Also without a promotion: Pacemaker finds the first writer of a new cluster, and keeps it.
        self.mandate.begin()

    def promote(self) -> None:
        """Become the writer. Raises DatabaseError unless this member has every write that a client knows of."""
        if not self.server.look().writable:
            self._open()
        allow()
        self._lead()

    def _open(self) -> None:
        self._hold()
        wait_until(PROMOTION_LIMIT, lambda: decides(self.cluster.states(), len(self.order)))
        states = self.cluster.states()
        if not may_write(states, len(self.order), self.name):
            self.cluster.set_score(None)
            raise DatabaseError(
                f"{self.name} may lack writes, so it does not become the writer: {self.described()}"
            )
        term = next_term(states)
        # Before the first write, so that no later election takes a former writer for this one.
        self.save(State("writer", term, term, self.server.look().number, self.name))
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
