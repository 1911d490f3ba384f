"""External services: where they are, and a check that replacing the stack's own database loses no data."""

from __future__ import annotations

import pulumi

from components.preflight.error import CloudError
from components.preflight.state import SERVER, Resource, State
from roles import DATABASE, LOAD_BALANCER, MESSAGING
from settings import NAMESPACE, Settings

GUIDE = "docs/operate.md, Services that you have"


def places(settings: Settings) -> dict[str, str]:
    """Name of each role without hosts of its own -> where its external service is."""
    external = {
        DATABASE.name: settings.database.external,
        MESSAGING.name: settings.messaging.external,
        LOAD_BALANCER.name: settings.load_balancer.external,
    }
    return {name: setting.place for name, setting in external.items() if setting is not None}


def own_database(state: State) -> Resource | None:
    """The server of the stack's own database, as the last `up` left it."""
    return next((server for server in state.of(SERVER).values() if server.name == DATABASE.host), None)


def was_external(state: State, service: str) -> bool:
    return f"{service}-trial" in state.step_names


def check(settings: Settings, state: State) -> None:
    """Raises CloudError before a change of the database would lose its data; warns of what such changes delete."""
    own, external = own_database(state), settings.database.external
    if external is not None and own is not None:
        if own.protected:
            problem = (
                f"{NAMESPACE}:database.external would replace the stack's own database, which database.protect keeps, "
                f"and its data does not move by itself: load a backup of it into {external.place}, then set "
                f"database.protect to false, run `pulumi up`, and set database.external ({GUIDE})"
            )
            raise CloudError([problem])
        pulumi.log.warn(
            f"this `up` deletes the stack's own database. Policies and datasources are then those in {external.place}, "
            f"as you loaded them there ({GUIDE})"
        )
    if external is None and own is None and was_external(state, DATABASE.name):
        pulumi.log.warn(
            "this `up` makes a database of the stack's own, which is empty: policies and datasources stay in the "
            f"external one until you load them ({GUIDE})"
        )
    if settings.load_balancer.external is not None and _balances(state):
        pulumi.log.warn(
            "this `up` deletes the stack's own load balancer and gives its address back: clients must use "
            f"{settings.load_balancer.external.endpoint} from then on"
        )


def _balances(state: State) -> bool:
    return any(server.name == LOAD_BALANCER.host for server in state.of(SERVER).values())
