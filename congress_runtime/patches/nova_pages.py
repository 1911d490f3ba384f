"""Let the nova driver have all servers and all flavors of a cloud.

Upstream asks nova for its servers once, and takes the first page for all of them. A page has 1000 servers, unless
nova's operator set `[api] max_limit`: policies know nothing of the others, and no error tells of it. The same with
flavors, and of these it asks for the public ones alone: a server's flavor may be none that policies know.
"""

from typing import Any

from novaclient.v2.flavors import FlavorManager
from novaclient.v2.servers import ServerManager

ALL = -1  # novaclient then asks for page after page


def apply() -> None:
    list_, list_flavors = ServerManager.list, FlavorManager.list

    def list_all(self: Any, *args: Any, limit: int | None = None, **kwargs: Any) -> Any:
        return list_(self, *args, limit=ALL if limit is None else limit, **kwargs)

    def list_all_flavors(
        self: Any, *args: Any, is_public: bool | None = None, limit: int | None = None, **kwargs: Any
    ) -> Any:
        page = found = list_flavors(self, *args, is_public=is_public, limit=limit, **kwargs)
        while page and limit is None:
            more = kwargs | {"marker": found[-1].id}
            page = list_flavors(self, *args, is_public=is_public, **more)
            found += page
        return found

    ServerManager.list, FlavorManager.list = list_all, list_all_flavors
