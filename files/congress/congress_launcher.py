# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Start Congress's own server the way an HA deployment needs it.

Takes the command line of upstream's congress-server and hands it on unchanged. What it adds:

- started as root, as Congress's OCF agent does, it becomes the user congress before it reads or opens
  anything;
- it reads the configuration BEFORE importing congress.server. Upstream bug: a decorator takes
  `datasource_sync_period` and `time_to_resub` while the module is being imported, when no file has been
  read yet, so both keep their defaults whatever the file says.
"""

import os
import pwd
import sys
import syslog

USER = "congress"
UMASK = 0o027


def main(argv: list[str]) -> int:
    """Run a Congress node until it is stopped; give the exit code of the process."""
    try:
        if os.geteuid() == 0:
            become(USER)
    except LookupError as error:
        return fail(str(error))
    os.umask(UMASK)

    # The order of these imports is what this module is for.
    from congress.common import config  # noqa: PLC0415

    config.init(argv)
    from congress.server import congress_server  # noqa: PLC0415

    congress_server.main()
    return 0


def become(user: str) -> None:
    """Give up root for `user` and all of its groups, for good; LookupError when there is no such user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise LookupError(
            f"started as root, but there is no user {user!r} to become: create it (useradd --system {user})"
        ) from None
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME=entry.pw_dir, USER=user, LOGNAME=user)


def fail(reason: str) -> int:
    """Say why the start fails (to syslog too: under the OCF agent stderr is /dev/null); the exit code."""
    syslog.openlog("congress-server", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_ERR, reason)
    print(f"congress-server: {reason}", file=sys.stderr)
    return 1
