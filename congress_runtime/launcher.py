"""Start Congress's own server as an HA deployment needs it.

The launcher takes the command line of upstream's congress-server and passes it on unchanged. It adds:

- It reads the configuration BEFORE it imports congress.server. Upstream bug: a decorator reads
  `datasource_sync_period` and `time_to_resub` during the import, before any file is read. So both options keep their
  defaults, whatever the file says.
- Congress's OCF agent starts it as root. It becomes the user congress before it opens anything.
- It starts the watchdog, which ends a node that can no longer work, and the guard, which notices the end.
- It applies the patches that this node needs (congress_runtime/patches), and starts the garbage collector (collector).
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
        help="Seconds after which a node ends its process if it has no message bus or no database, or if its "
        "service loop stands still.",
    ),
    cfg.IntOpt("nodes", default=1, min=1, help="Nodes on this host, which share its memory equally."),
]


def main(argv: list[str]) -> int:
    """Run a Congress node and end the process with it. Return, with an exit code, only if the node cannot start."""
    cfg.CONF.register_opts(OPTIONS, group="watchdog")
    try:
        config.init(argv)
        silence = silence_limit(cfg.CONF)
    except cfg.Error as error:
        start_guard(0, 1)  # the guard reports the end of this process to Pacemaker
        return fail(f"cannot use the configuration: {error}")
    heartbeat_pipe = start_guard(silence, cfg.CONF.watchdog.nodes)
    # If the host's memory runs out before the guard notices, the kernel kills this node and not sshd or Pacemaker.
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    if os.geteuid() == 0:
        try:
            become_user(USER)
        except LookupError as error:
            return fail(str(error))
    os.umask(UMASK)

    # Only now: this import reads the configuration and patches the standard library.
    from congress.server import congress_server  # noqa: PLC0415

    # isort: split
    from congress_runtime import collector, watchdog  # noqa: PLC0415

    role = patches.DATASOURCE_NODE if cfg.CONF.datasources else patches.ENGINE
    needed = patches.load(patches.BUS, patches.NODE, role)
    collector.start()
    config.setup_logging()
    for patch in needed:
        patch.apply()
    watchdog.start(cfg.CONF, heartbeat_pipe)
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
    # The interpreter's own exit would wait for green threads that no longer run: each stop would last until
    # graceful_shutdown_timeout, and a failed start would never end.
    os._exit(code)


def silence_limit(conf: cfg.ConfigOpts) -> int:
    """Seconds for which the service loop may stand still.

    A policy engine evaluates policies in the loop, for as long as its callers wait (dse.long_timeout).
    """
    deadline: int = conf.watchdog.deadline
    return deadline if conf.datasources else max(deadline, conf.dse.long_timeout)


def start_guard(silence: int, nodes: int) -> int:
    """Start the guard of this process. Return the descriptor of the pipe that the guard reads.

    Python itself writes the number of each signal into the pipe, even when the service loop hangs. So the guard can
    tell an ordered stop from a crash.
    """
    guard_end, heartbeat_pipe = os.pipe()
    os.set_blocking(heartbeat_pipe, False)
    script = Path(__file__).with_name("guard.py")
    subprocess.Popen(
        [sys.executable, "-IS", str(script), str(os.getpid()), str(silence), str(nodes)],
        stdin=guard_end,
        start_new_session=True,
    )
    os.close(guard_end)
    signal.set_wakeup_fd(heartbeat_pipe, warn_on_full_buffer=False)
    # Python writes only signals that have a handler. Upstream installs its own handler once it serves.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return heartbeat_pipe


def become_user(user: str) -> None:
    """Drop root for good: switch to `user` and its groups. Raises LookupError if the user does not exist."""
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
    """Report why the start fails and return the exit code. Also to syslog: under the OCF agent, stderr is /dev/null."""
    syslog.openlog("congress-server", syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_ERR, reason)
    print(f"congress-server: {reason}", file=sys.stderr)
    return 1
