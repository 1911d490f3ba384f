"""Let the nova driver read all servers and all flavors of a cloud.

Upstream requests the servers once and takes the first page for all of them. A page has 1000 servers, unless nova's
operator has set `[api] max_limit`. Policies lack all further servers, and no error reports it. The same happens with
flavors. Upstream also requests only public flavors, so policies may lack the flavor of a server.
"""

from typing import Any

from novaclient.v2.flavors import FlavorManager
from novaclient.v2.servers import ServerManager

ALL = -1  # with this limit, novaclient requests page after page


def apply() -> None:
    list_, list_flavors = ServerManager.list, FlavorManager.list

    def list_all(self: Any, *args: Any, limit: int | None = None, **kwargs: Any) -> Any:
        return list_(self, *args, limit=ALL if limit is None else limit, **kwargs)

    def list_all_flavors(
        self: Any, *args: Any, is_public: bool | None = None, limit: int | None = None, **kwargs: Any
    ) -> Any:
        page = flavors = list_flavors(self, *args, is_public=is_public, limit=limit, **kwargs)
        while page and limit is None:
            next_page = kwargs | {"marker": flavors[-1].id}
            page = list_flavors(self, *args, is_public=is_public, **next_page)
            flavors += page
        return flavors

    ServerManager.list, FlavorManager.list = list_all, list_all_flavors
