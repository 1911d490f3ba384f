"""What a stack with several hosts of a role has in addition, and what a stack with one host keeps."""

from __future__ import annotations

from typing import Any

from tests.unit.support.graph import graph
from tests.unit.support.recording import STEP, Recording


def added_names(one: Recording, several: Recording) -> set[str]:
    """Names of the additional resources. All others must be the same."""
    assert set(graph(one)) < set(graph(several))
    return {line.rsplit(" in ", 1)[0].rpartition("::")[2] for line in set(graph(several)) - set(graph(one))}


def cloud_inputs(recording: Recording, *prefixes: str) -> dict[str, dict[str, Any]]:
    """Type and name -> inputs of the resources whose names begin with a prefix.

    A change of these inputs changes deployed stacks. Steps and first-boot data may change with the program.
    """
    return {
        resource.urn.rpartition("$")[2]: {
            key: value for key, value in resource.inputs.items() if key != "userData"
        }
        for resource in recording.resources.values()
        if resource.name.startswith(prefixes) and resource.type != STEP
    }
