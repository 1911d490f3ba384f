# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Let the nova driver have all servers of a cloud.

Upstream asks nova for its servers once, and takes the first page for all of them. A page has 1000 servers, unless
nova's operator set `[api] max_limit`: policies know nothing of the others, and no error tells of it.
"""

from typing import Any

from novaclient.v2.servers import ServerManager

ALL = -1  # novaclient then asks for page after page


def arm() -> None:
    list_ = ServerManager.list

    def list_all(self: Any, *args: Any, limit: int | None = None, **kwargs: Any) -> Any:
        return list_(self, *args, limit=ALL if limit is None else limit, **kwargs)

    ServerManager.list = list_all
