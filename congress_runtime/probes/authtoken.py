"""See that an engine asks for tokens, and that it can check one at keystone.

What only an engine's host can try: its way to keystone, the authorities that it trusts, the login in
[keystone_authtoken]. The token is that of Congress's own user; that it gets 403 is well, for it is no admin.

usage: python -m congress_runtime.probes.authtoken CONFIGURATION URL SECONDS: exit code 1 and one line when it is not
so. URL is something in the API; SECONDS are for each of three requests.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from keystoneauth1 import loading
from keystoneauth1.exceptions import ClientException
from oslo_config import cfg

GROUP = "keystone_authtoken"
OK, UNAUTHORIZED, FORBIDDEN = 200, 401, 403


def login(file: str, limit: float) -> Any:
    """A session of keystoneauth, made from the section as keystonemiddleware does."""
    conf = cfg.ConfigOpts()
    conf(["--config-file", file], project="congress", default_config_files=[], default_config_dirs=[])
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    auth = loading.load_auth_from_conf_options(conf, GROUP)
    return loading.load_session_from_conf_options(conf, GROUP, auth=auth, timeout=limit)


def problem(session: Any, url: str) -> str:
    """What is wrong, "" when nothing is. Raises ClientException without an answer."""

    def status(**headers: str) -> int:
        answer = session.get(url, authenticated=False, raise_exc=False, headers=headers)
        return int(answer.status_code)

    token = session.get_token()
    if (without := status()) != UNAUTHORIZED:
        return f"without a token it answers {without}"
    if (with_one := status(**{"X-Auth-Token": token})) not in {OK, FORBIDDEN}:
        return f"with a token that keystone gave it answers {with_one}: it cannot check tokens there"
    return ""


def main(file: str, url: str, limit: float) -> int:
    # keystoneauth warns on standard error of what it raises as well.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        told = problem(login(file, limit), url)
    except ClientException as error:
        told = str(error).splitlines()[0]
    if told:
        print(told, file=sys.stderr)
    return 1 if told else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
