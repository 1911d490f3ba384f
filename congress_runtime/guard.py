"""Watch over one congress-server from outside of it.

    guard.py PID SILENCE NODES      (started by the launcher; standard input: a pipe from PID)

PID writes a byte each second from its service loop, and Python adds the number of each signal that PID
gets. So an end of the pipe is the end of PID, and it is a crash unless SIGTERM or SIGINT went before. A pipe
that is silent for SILENCE seconds is a process that hangs, was stopped (SIGSTOP) or starves: it is killed. So is a
process that takes nearly all of its share of the host's memory, of which NODES nodes have equal ones: the kernel would
end it too, but would not say what helps, and might take a node that has what it needs.

A `!` is the word of the watchdog that the node cannot work on this host: then Pacemaker shall prefer any other
one, however few the failures were, until its failure-timeout is over or a `+` says that the node does work here.
Without the latter, a node that came back to this host for want of the other one would leave it again as soon as that is
back.

Where Pacemaker runs the node, a crash or a kill is reported to it, which acts at once instead of at the next
monitor; elsewhere (policy engines) systemd sees the end by itself. So is an end that somebody else than Pacemaker
ordered (`kill` by hand): the agent removes its pid file when its own stop is complete. A process of its own, because
a stopped or hung one cannot notice that it is; kept as root where the node was started as root, because only root may
report. It never opens a socket of its own and reads nothing but single bytes.
"""

import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import syslog
import time
from collections.abc import Callable, Iterator

TOLD_TO_STOP = {signal.SIGTERM, signal.SIGINT}
WORKS, UNABLE = b"+", b"!"
FAILURES_OF_THE_UNABLE = 1000  # templates/datasource_node/ds_node.crm.j2 says what follows from so many
# After a pause of the whole host (live migration) both wake up at once: the node gets to speak first.
GRACE = 2.0
# Importing Congress keeps the loop from turning: 1 s on an idle host, 15 s seen on one with a load of 20.
START = 60.0
REPORT_TIMEOUT = 20
# The agent looks once a second whether the node has ended, and then removes its pid file.
STOP = 5.0
# Seconds between two looks at the memory.
LOOK = 1.0
# Share of a host's memory that is too much for its nodes.
LARGE = 0.75
CGROUPS, OWN_CGROUP = "/sys/fs/cgroup", "/proc/self/cgroup"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    pid, silence, nodes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    # A service manager that stops the whole group must not end the guard before the node.
    for number in (*TOLD_TO_STOP, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    syslog.openlog("congress-guard", syslog.LOG_PID, syslog.LOG_DAEMON)
    resource = os.environ.get("OCF_RESOURCE_INSTANCE")
    pacemaker = Pacemaker(resource) if resource and os.geteuid() == 0 else None
    works = pacemaker.able if pacemaker else None
    trouble, unable = watch(sys.stdin.fileno(), pid, silence, works, LARGE * memory(nodes))
    if trouble is None and resource and not stopped_by_the_agent(resource, pid):
        trouble = "was told to stop, but not by Pacemaker"
    if trouble is None:
        return 0
    syslog.syslog(syslog.LOG_CRIT, f"congress-server, process {pid}: {trouble}")
    if pacemaker:
        pacemaker.failed(unable=unable)
    return 1


def watch(
    beats: int, pid: int, silence: float, works: Callable[[], None] | None = None, most: float = math.inf
) -> tuple[str | None, bool]:
    """Wait for the end of `pid`: what was wrong with it, None when it ended as it was told, and whether it said that
    it is unable to work here. Calls `works` when it says that it does. `most`: KiB of memory.
    """
    patience: float | None = silence + START
    unable, silent = False, 0.0
    while True:
        if (used := resident(pid)) > most:
            os.kill(pid, signal.SIGKILL)
            told = f"it uses {used // 1024} MiB of memory, more than the {most / 1024:.0f} MiB that it may use here"
            return f"{told}; give its host a larger flavor, or fewer rows or nodes: killed", False
        if not spoke(beats, LOOK):
            silent += LOOK
            if patience is not None and silent >= patience and not spoke(beats, GRACE):
                os.kill(pid, signal.SIGKILL)
                return f"its service loop stood still for {patience:.0f} s: killed", False
            continue
        silent = 0.0
        data = os.read(beats, 4096)
        if not data:
            return ("ended without being told to" if patience else None), unable
        unable = unable or UNABLE in data
        if works and WORKS in data:
            works()
        if not TOLD_TO_STOP.isdisjoint(data):
            patience = None  # how long a stop may take is for those to judge who asked for it
        elif patience:
            patience = silence


def spoke(beats: int, patience: float) -> bool:
    return bool(select.select([beats], [], [], patience)[0])


def memory(nodes: int) -> float:
    """KiB that a node has on a host of `nodes` nodes: its part of the host's or a container's, or its unit's limit."""
    with open(OWN_CGROUP) as lines:  # noqa: PTH123  the node's too, which may have ended already
        cgroup = next((line[3:].strip() for line in lines if line.startswith("0::")), "").rstrip("/")
    alone = limit(cgroup) if cgroup else math.inf
    # Not /proc/meminfo, which the engines' sandbox hides.
    shared = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024, limit(""))
    while cgroup := cgroup.rpartition("/")[0]:
        shared = min(shared, limit(cgroup))
    return min(shared / nodes, alone)


def limit(cgroup: str) -> float:
    """KiB; the outermost group has none, except in a container."""
    try:
        with open(f"{CGROUPS}{cgroup}/memory.max") as file:  # noqa: PTH123  as above
            told = file.read().strip()
    except OSError:
        return math.inf
    return math.inf if told == "max" else int(told) / 1024


def resident(pid: int) -> int:
    """KiB of `pid`; 0 when it is ending."""
    try:
        with open(f"/proc/{pid}/status") as lines:  # noqa: PTH123  pathlib takes 10 ms to import, in every guard
            return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def stopped_by_the_agent(resource: str, pid: int) -> bool:
    """Whether the agent's pid file, where it still names this process, is gone in time."""
    file = f"{os.environ.get('HA_RSCTMP', '/run/resource-agents')}/{resource}.pid"
    deadline = time.monotonic() + STOP
    while time.monotonic() < deadline:
        try:
            with open(file) as known:  # noqa: PTH123  pathlib takes 10 ms to import, in every guard
                if known.read().strip() != str(pid):
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.2)
    return False


class Pacemaker:
    """What Pacemaker on this node is told of a resource; that it could not be told is logged.

    It counts the failures that it was told of in attributes of the node: see crm_mon -f.
    """

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.count, self.last = (f"{what}-{resource}#asyncmon_0" for what in ("fail-count", "last-failure"))

    def failed(self, *, unable: bool) -> None:
        """The resource failed here; `unable`: so often that any other node is better."""
        with logged(f"could not report the failure of {self.resource} to Pacemaker"):
            node = crm("crm_node", "-n")
            if unable:
                # What was with another node is older news: two that are unable would keep the resource where it is.
                for other in set(crm("crm_node", "-p").split()) - {node}:
                    self._forget(other)
                crm("attrd_updater", "-n", self.last, "-U", str(int(time.time())))
                crm("attrd_updater", "-n", self.count, "-U", str(FAILURES_OF_THE_UNABLE))
            crm("crm_resource", "--fail", "-r", self.resource, "-N", node)
            text = f"reported the failure of {self.resource} on {node} to Pacemaker"
            syslog.syslog(syslog.LOG_NOTICE, text)

    def able(self) -> None:
        """It works here: take back that it was unable, and nothing else."""
        with logged(f"could not tell Pacemaker that {self.resource} works here"):
            node = crm("crm_node", "-n")
            known = crm("crm_attribute", "-t", "status", "-N", node, "-n", self.count, "-G", "-q", "-d", "0")
            if known.isdigit() and int(known) >= FAILURES_OF_THE_UNABLE:
                self._forget(node)

    def _forget(self, node: str) -> None:
        for name in (self.count, self.last):
            crm("attrd_updater", "-n", name, "-D", "-N", node)


@contextlib.contextmanager
def logged(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        syslog.syslog(syslog.LOG_ERR, f"{what}: {error}")


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
