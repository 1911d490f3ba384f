# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Watch over one congress-server from outside of it.

    congress_guard.py PID SILENCE      (started by congress_launcher; standard input: a pipe from PID)

PID writes a byte each second from its service loop, and Python adds the number of each signal that PID
gets. So an end of the pipe is the end of PID, and it is a crash unless SIGTERM or SIGINT went before. A pipe
that is silent for SILENCE seconds is a process that hangs, was stopped (SIGSTOP) or starves: it is killed.

Where Pacemaker runs the node, a crash or a kill is reported to it, which acts at once instead of at the next
monitor; elsewhere (policy engines) systemd sees the end by itself. A process of its own, because a stopped or
hung one cannot notice that it is; kept as root where the node was started as root, because only root may
report. It never opens a socket of its own and reads nothing but single bytes.
"""

import os
import select
import signal
import subprocess
import sys
import syslog

TOLD_TO_STOP = {signal.SIGTERM, signal.SIGINT}
# After a pause of the whole host (live migration) both wake up at once: the node gets to speak first.
GRACE = 2.0
# Importing Congress keeps the loop from turning: 1 s on an idle host, 15 s seen on one with a load of 20.
START = 60.0
REPORT_TIMEOUT = 20
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    pid, silence = int(sys.argv[1]), float(sys.argv[2])
    # A service manager that stops the whole group must not end the guard before the node.
    for number in (*TOLD_TO_STOP, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    syslog.openlog("congress-guard", syslog.LOG_PID, syslog.LOG_DAEMON)
    trouble = watch(sys.stdin.fileno(), pid, silence)
    if trouble is None:
        return 0
    syslog.syslog(syslog.LOG_CRIT, f"congress-server, process {pid}: {trouble}")
    resource = os.environ.get("OCF_RESOURCE_INSTANCE")
    if resource and os.geteuid() == 0:
        report(resource)
    return 1


def watch(beats: int, pid: int, silence: float) -> str | None:
    """Wait for the end of `pid` and say what was wrong with it; None when it ended as it was told."""
    patience: float | None = silence + START
    while True:
        if not spoke(beats, patience) and not spoke(beats, GRACE):
            os.kill(pid, signal.SIGKILL)
            return f"its service loop stood still for {patience:.0f} s: killed"
        data = os.read(beats, 4096)
        if not data:
            return "ended without being told to" if patience else None
        if not TOLD_TO_STOP.isdisjoint(data):
            patience = None  # how long a stop may take is for those to judge who asked for it
        elif patience:
            patience = silence


def spoke(beats: int, patience: float | None) -> bool:
    return bool(select.select([beats], [], [], patience)[0])


def report(resource: str) -> None:
    """Tell Pacemaker that `resource` failed on this node."""
    try:
        node = crm("crm_node", "-n")
        crm("crm_resource", "--fail", "-r", resource, "-N", node)
    except (OSError, subprocess.SubprocessError) as error:
        syslog.syslog(syslog.LOG_ERR, f"could not report the failure of {resource} to Pacemaker: {error}")
        return
    syslog.syslog(syslog.LOG_NOTICE, f"reported the failure of {resource} on {node} to Pacemaker")


def crm(*command: str) -> str:
    answer = subprocess.run(
        command,
        env={"PATH": SYSTEM_PATH},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=REPORT_TIMEOUT,
        check=True,
    )
    return answer.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
