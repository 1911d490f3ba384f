"""How pip and uv reach their package index: on hosts, and in the image while it is built. Standard library only."""

from __future__ import annotations

import ast
from collections.abc import Mapping

# Debian's file of all trusted certificates.
STORE = "/etc/ssl/certs/ca-certificates.crt"


def environment(
    index: str | None, extra_index: str | None, proxy: str | None, store: str = STORE
) -> Mapping[str, str]:
    """Environment variables for pip and uv; what is empty is left out. `store`: file of the certificates to trust."""
    values = {
        "PIP_CERT": store,
        "SSL_CERT_FILE": store,
        "PIP_INDEX_URL": index,
        "UV_DEFAULT_INDEX": index,
        "PIP_EXTRA_INDEX_URL": extra_index,
        "UV_INDEX": extra_index,
        "PIP_PROXY": proxy,
        "HTTPS_PROXY": proxy,
        "HTTP_PROXY": proxy,
    }
    return {name: value for name, value in values.items() if value}


def pip_options(config_list: str) -> dict[str, str]:
    """Options by name from `pip config list` (SECTION.OPTION='VALUE'); a variable overrides a file, as in pip."""
    options: dict[str, str] = {}
    for section in ("global", "install", ":env:"):
        for line in config_list.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{section}."):
                options[name.removeprefix(f"{section}.")] = str(ast.literal_eval(value))
    return options


def first(value: str) -> str:
    """A pip option can hold several extra indexes, one per line; uv's variable and a stack's setting hold one."""
    return (value.split() or [""])[0]


def of_machine(config_list: str, env: Mapping[str, str]) -> tuple[str, str, str]:
    """Index, extra index and proxy that this machine uses. Without a proxy of its own, pip uses the machine's."""
    options = pip_options(config_list)
    proxy = options.get("proxy") or env.get("https_proxy") or env.get("HTTPS_PROXY", "")
    return first(options.get("index-url", "")), first(options.get("extra-index-url", "")), proxy
