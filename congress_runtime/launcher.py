"""Start Congress's own server the way an HA deployment needs it.

Takes the command line of upstream's congress-server and hands it on unchanged. What it adds:

- It reads the configuration BEFORE importing congress.server. Upstream bug: a decorator takes
  `datasource_sync_period` and `time_to_resub` while the module is being imported, when no file has been read
  yet, so both keep their defaults whatever the file says.
- Started as root, as Congress's OCF agent does, it becomes the user congress before it opens anything.
- The node ends when it can no longer work (watchdog), and its end is noticed (guard).
- It arms the patches that this node needs (congress_runtime/patches), and starts the garbage collector (collector).
"""

import os
import pwd
import signal
import subprocess
import sys
import syslog
from pathlib import Path

from congress.common import config
from congress_runtime import patches
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)

USER = "congress"
UMASK = 0o027
OOM_SCORE = "500"  # of 1000; proc(5), oom_score_adj
OPTIONS = [
    cfg.IntOpt(
        "deadline",
        default=30,
        min=15,
        help="Seconds for which a node may be without the message bus or the database, or its service loop "
        "stand still, before its process ends.",
    ),
    cfg.IntOpt(
        "nodes", default=1, min=1, help="Nodes on this host, each of which has the same part of its memory."
    ),
]


def main(argv: list[str]) -> int:
    """Run a Congress node and end the process with it; return only when it cannot be begun: the exit code."""
    cfg.CONF.register_opts(OPTIONS, group="watchdog")
    try:
        config.init(argv)
        silence = patience(cfg.CONF)
    except cfg.Error as error:
        start_guard(0, 1)  # which finds this process ended, and reports it
        return fail(f"cannot use the configuration: {error}")
    beats = start_guard(silence, cfg.CONF.watchdog.nodes)
    # Should the host's memory end before the guard sees it, the kernel ends this node and not sshd or Pacemaker.
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    if os.geteuid() == 0:
        try:
            become(USER)
        except LookupError as error:
            return fail(str(error))
    os.umask(UMASK)

    # Not before the above: it reads the configuration while being imported, and patches the standard library.
    from congress.server import congress_server  # noqa: PLC0415

    # isort: split
    from congress_runtime import collector, watchdog  # noqa: PLC0415

    role = patches.DATASOURCE_NODE if cfg.CONF.datasources else patches.ENGINE
    needed = patches.load(patches.BUS, patches.NODE, role)
    collector.start()
    config.setup_logging()
    for patch in needed:
        patch.arm()
    watchdog.start(cfg.CONF, beats)
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


def patience(conf: cfg.ConfigOpts) -> int:
    """Seconds for which the service loop may stand still.

    A policy engine evaluates policies in it, and may do so for as long as its callers wait.
    """
    deadline: int = conf.watchdog.deadline
    return deadline if conf.datasources else max(deadline, conf.dse.long_timeout)


def start_guard(silence: int, nodes: int) -> int:
    """Start the guard on this process; give the descriptor that it listens to.

    Python itself writes the number of each signal there, even when the service loop hangs, so the guard can
    tell an ordered end from a crash.
    """
    listens, beats = os.pipe()
    os.set_blocking(beats, False)
    script = Path(__file__).with_name("guard.py")
    subprocess.Popen(
        [sys.executable, "-IS", str(script), str(os.getpid()), str(silence), str(nodes)],
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
