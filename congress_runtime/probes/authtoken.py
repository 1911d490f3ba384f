"""Check that an engine requires a token, and that it can validate one at keystone.

Only the engine's own host can check this: its route to keystone, the certificate authorities that it trusts, and the
login in [keystone_authtoken]. The probe uses a token of Congress's own user. The answer 403 is correct too, because
that user is no admin.

usage: python -m congress_runtime.probes.authtoken CONFIGURATION URL SECONDS

URL: any resource of the API. SECONDS: limit of each of the three requests. Exit code 0, or 1 and one line about the
problem.
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
    """A keystoneauth session, created from [keystone_authtoken] as keystonemiddleware does. `limit`: seconds."""
    conf = cfg.ConfigOpts()
    conf(["--config-file", file], project="congress", default_config_files=[], default_config_dirs=[])
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_session_conf_options(conf, GROUP)
    auth = loading.load_auth_from_conf_options(conf, GROUP)
    return loading.load_session_from_conf_options(conf, GROUP, auth=auth, timeout=limit)


def problem(session: Any, url: str) -> str:
    """Describe the problem, "" without one. Raises ClientException if keystone or the engine does not answer."""

    def status(**headers: str) -> int:
        answer = session.get(url, authenticated=False, raise_exc=False, headers=headers)
        return int(answer.status_code)

    token = session.get_token()
    if (without_token := status()) != UNAUTHORIZED:
        return f"without a token it answers {without_token}"
    if (with_token := status(**{"X-Auth-Token": token})) not in {OK, FORBIDDEN}:
        return f"with a token from keystone it answers {with_token}: it cannot validate tokens at keystone"
    return ""


def main(file: str, url: str, limit: float) -> int:
    # keystoneauth would also log on standard error what it raises.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        failure = problem(login(file, limit), url)
    except ClientException as error:
        failure = str(error).splitlines()[0]
    if failure:
        print(failure, file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
