# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Start Congress's own server the way an HA deployment needs it.

Takes the command line of upstream's congress-server and hands it on unchanged. What it adds:

- It reads the configuration BEFORE importing congress.server. Upstream bug: a decorator takes
  `datasource_sync_period` and `time_to_resub` while the module is being imported, when no file has been read
  yet, so both keep their defaults whatever the file says.
- Started as root, as Congress's OCF agent does, it becomes the user congress before it opens anything.
- It logs of a request that failed neither token nor password (congress_request_log), and answers without the passwords
  of datasources (congress_datasource_answers).
- The node ends when it can no longer work (congress_watchdog), and its end is noticed (congress_guard).
- A datasource that is bad harms itself only (congress_isolation, congress_polls).
- A datasource node that is told to stop does so at once (congress_stop), and one that begins makes engines forget what
  an earlier one told them (congress_publish). It imports the drivers that it needs alone (congress_drivers).
- A policy engine asks nobody while it holds the database's locks (congress_rule_insert).
- A policy engine asks again for what it may have missed (congress_subscriptions), and no node's heartbeat ends before
  the node does (congress_heartbeat).
"""

import gc
import os
import pwd
import signal
import subprocess
import sys
import syslog
from pathlib import Path

from congress.common import config
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

USER = "congress"
UMASK = 0o027
OPTIONS = [
    cfg.IntOpt(
        "deadline",
        default=30,
        min=15,
        help="Seconds for which a node may be without the message bus or the database, or its service loop "
        "stand still, before its process ends.",
    )
]


def main(argv: list[str]) -> int:
    """Run a Congress node and end the process with it; return only when it cannot be begun: the exit code."""
    cfg.CONF.register_opts(OPTIONS, group="watchdog")
    try:
        config.init(argv)
        silence = patience(cfg.CONF)
    except cfg.Error as error:
        start_guard(0)  # which finds this process ended, and reports it
        return fail(f"cannot use the configuration: {error}")
    beats = start_guard(silence)
    if os.geteuid() == 0:
        try:
            become(USER)
        except LookupError as error:
            return fail(str(error))
    os.umask(UMASK)

    # Not before the above: it reads the configuration while being imported, and patches the standard library.
    from congress.server import congress_server  # noqa: PLC0415

    # isort: split
    import congress_datasource_answers  # noqa: PLC0415
    import congress_heartbeat  # noqa: PLC0415
    import congress_request_log  # noqa: PLC0415
    import congress_watchdog  # noqa: PLC0415

    gc.freeze()
    gc.enable()
    config.setup_logging()
    congress_request_log.arm()
    congress_datasource_answers.arm()
    congress_heartbeat.arm()
    congress_watchdog.start(cfg.CONF, beats)
    arm()
    code = 1
    try:
        congress_server.main()
        code = 0
    except SystemExit as error:
        code = 1 if error.code else 0
        if error.code:
            LOG.critical("the node does not start: %s", error.code)
    except Exception:
        LOG.exception("the node failed")
    # Not by the interpreter's own end: there upstream waits for green threads that run no more, so that each
    # stop lasts until graceful_shutdown_timeout, and a failed start for ever.
    os._exit(code)


def arm() -> None:
    """Add what the node's role alone needs; a datasource node has no policy engine, and importing one takes time."""
    if cfg.CONF.datasources:
        import congress_drivers  # noqa: PLC0415
        import congress_isolation  # noqa: PLC0415
        import congress_polls  # noqa: PLC0415
        import congress_publish  # noqa: PLC0415
        import congress_stop  # noqa: PLC0415

        congress_drivers.arm()
        congress_isolation.arm()
        congress_polls.arm()
        congress_publish.arm()
        congress_stop.arm()
    else:
        import congress_rule_insert  # noqa: PLC0415
        import congress_subscriptions  # noqa: PLC0415

        congress_rule_insert.arm()
        congress_subscriptions.arm()


def patience(conf: cfg.ConfigOpts) -> int:
    """Seconds for which the service loop may stand still.

    A policy engine evaluates policies in it, and may do so for as long as its callers wait.
    """
    deadline: int = conf.watchdog.deadline
    return deadline if conf.datasources else max(deadline, conf.dse.long_timeout)


def start_guard(silence: int) -> int:
    """Start congress_guard on this process; give the descriptor that it listens to.

    Python itself writes the number of each signal there, even when the service loop hangs, so the guard can
    tell an ordered end from a crash.
    """
    listens, beats = os.pipe()
    os.set_blocking(beats, False)
    script = Path(__file__).with_name("congress_guard.py")
    subprocess.Popen(
        [sys.executable, "-IS", str(script), str(os.getpid()), str(silence)],
        stdin=listens,
        start_new_session=True,
    )
    os.close(listens)
    signal.set_wakeup_fd(beats, warn_on_full_buffer=False)
    # Only signals with a handler are written; upstream installs its own once it serves.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return beats


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
