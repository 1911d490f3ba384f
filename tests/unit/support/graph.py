"""The resources of a recorded program with what Pulumi knows each by."""

from __future__ import annotations

from tests.unit.support.recording import Recording


def graph(recording: Recording) -> list[str]:
    """A line for each resource: its type without its parents' types, its name, and its parent's name."""
    return sorted(
        f"{resource.urn.split('::', 2)[2]} in {resource.parent.rpartition('::')[2]}"
        for resource in recording.resources.values()
    )
