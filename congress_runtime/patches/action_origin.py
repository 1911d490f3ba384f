"""What an engine says of itself and of a request for an action, as both ends of the bus read it."""

# Among the arguments of an action, because those reach a datasource node of any version.
FROM_API = "congress_ha_from_api"


def instance(start: float, identifier: str) -> str:
    return f"{start:.3f} {identifier}"


def started(instance: str) -> float:
    """When a process started, by its own clock. Older than all others is one whose identifier does not say it."""
    start, _, _ = instance.partition(" ")
    try:
        return float(start)
    except ValueError:
        return 0.0
