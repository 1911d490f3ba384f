"""Monitor one congress-server process from outside.

    guard.py PID SILENCE NODES      (started by the launcher; standard input: a pipe from PID)

The guard is a separate process, because a process that hangs or is stopped cannot notice it. It stays root where the
node was started as root, because only root may report to Pacemaker. It opens no socket and reads only single bytes.

The bytes in the pipe (the watchdog writes them, and Python's signal.set_wakeup_fd adds the signals):

    .            once a second: the service loop runs
    +            the node works on this host
    !            the node cannot work on this host
    2, 15        the number of a signal that PID received (SIGINT, SIGTERM): somebody ordered a stop
    end of file  PID ended: a crash, unless a stop was ordered before

The guard kills PID in two cases:

- The pipe is silent for SILENCE seconds. PID hangs, is stopped (SIGSTOP) or gets no processor time.
- PID uses nearly all of its share of the host's memory, which NODES nodes share equally. The kernel would kill a
  process too, but perhaps a node within its share, and without naming a remedy.

If Pacemaker runs the node, the guard reports each crash and each kill, so Pacemaker acts at once and not at its next
monitor. It also reports a stop that Pacemaker did not order (`kill` by hand). The agent removes its pid file when its
own stop is complete, which tells the two apart. Policy engines need no report, because systemd sees their end.

After `!`, Pacemaker prefers any other host, however few failures there were, until its failure-timeout is over or a `+`
arrives. Without the `+`, a node that returned to this host because the other one was down would leave it again as
soon as the other host is back.
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

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}
WORKS, UNABLE = b"+", b"!"
UNABLE_FAIL_COUNT = 1000  # templates/datasource_node/ds_node.crm.j2 has a location rule for this fail-count
# All times are in seconds.
# After a pause of the whole host (live migration), node and guard resume together: the node may write first.
RESUME_GRACE = 2.0
# The loop does not run while Congress is imported: 1 s on an idle host, 15 s measured at a load of 20.
START_LIMIT = 60.0
REPORT_TIMEOUT = 20
# The agent checks once a second whether the node has ended, and then removes its pid file.
AGENT_STOP_LIMIT = 5.0
MEMORY_INTERVAL = 1.0
# The nodes of a host may use this share of its memory.
MEMORY_SHARE = 0.75
CGROUPS, OWN_CGROUP = "/sys/fs/cgroup", "/proc/self/cgroup"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> int:
    pid, silence, nodes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    # A service manager that stops the whole group must not end the guard before the node.
    for number in (*STOP_SIGNALS, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    syslog.openlog("congress-guard", syslog.LOG_PID, syslog.LOG_DAEMON)
    resource = os.environ.get("OCF_RESOURCE_INSTANCE")
    pacemaker = Pacemaker(resource) if resource and os.geteuid() == 0 else None
    on_works = pacemaker.clear_unable if pacemaker else None
    problem, unable = watch(
        sys.stdin.fileno(), pid, silence, on_works, MEMORY_SHARE * available_memory(nodes)
    )
    if problem is None and resource and not stopped_by_agent(resource, pid):
        problem = "was stopped, but not by Pacemaker"
    if problem is None:
        return 0
    syslog.syslog(syslog.LOG_CRIT, f"congress-server, process {pid}: {problem}")
    if pacemaker:
        pacemaker.failed(unable=unable)
    return 1


def watch(
    pipe: int,
    pid: int,
    silence: float,
    on_works: Callable[[], None] | None = None,
    memory_limit: float = math.inf,
) -> tuple[str | None, bool]:
    """Wait for the end of `pid`. Return the problem (None after an ordered stop), and whether `!` was read.

    `pipe`: descriptor of the heartbeat pipe. `silence`: seconds. `on_works`: called for each `+`.
    `memory_limit`: KiB of resident memory.
    """
    silence_limit: float | None = silence + START_LIMIT
    unable, silent = False, 0.0
    while True:
        if (used := resident_memory(pid)) > memory_limit:
            os.kill(pid, signal.SIGKILL)
            usage = (
                f"it uses {used // 1024} MiB of memory and may use {memory_limit / 1024:.0f} MiB on this host"
            )
            return f"{usage}; give its host a larger flavor, or fewer rows or nodes: killed", False
        if not readable(pipe, MEMORY_INTERVAL):
            silent += MEMORY_INTERVAL
            if silence_limit is not None and silent >= silence_limit and not readable(pipe, RESUME_GRACE):
                os.kill(pid, signal.SIGKILL)
                return f"its service loop stood still for {silence_limit:.0f} s: killed", False
            continue
        silent = 0.0
        data = os.read(pipe, 4096)
        if not data:
            return ("ended without a stop signal" if silence_limit else None), unable
        unable = unable or UNABLE in data
        if on_works and WORKS in data:
            on_works()
        if not STOP_SIGNALS.isdisjoint(data):
            silence_limit = None  # whoever ordered the stop also limits its time
        elif silence_limit:
            silence_limit = silence


def readable(pipe: int, seconds: float) -> bool:
    """Whether the pipe has data, or its end, within `seconds`."""
    return bool(select.select([pipe], [], [], seconds)[0])


def available_memory(nodes: int) -> float:
    """KiB that one of `nodes` nodes may use: its equal share of the host or container, or its unit's own limit."""
    with open(OWN_CGROUP) as lines:  # noqa: PTH123  the node is in the same cgroup, but may have ended already
        cgroup = next((line[3:].strip() for line in lines if line.startswith("0::")), "").rstrip("/")
    own_limit = cgroup_limit(cgroup) if cgroup else math.inf
    # Not from /proc/meminfo, which the engines' sandbox hides.
    shared = min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024, cgroup_limit(""))
    while cgroup := cgroup.rpartition("/")[0]:
        shared = min(shared, cgroup_limit(cgroup))
    return min(shared / nodes, own_limit)


def cgroup_limit(cgroup: str) -> float:
    """KiB, infinite without a limit. Outside of a container, the outermost group has none."""
    try:
        with open(f"{CGROUPS}{cgroup}/memory.max") as file:  # noqa: PTH123  as below
            limit = file.read().strip()
    except OSError:
        return math.inf
    return math.inf if limit == "max" else int(limit) / 1024


def resident_memory(pid: int) -> int:
    """KiB of `pid`, 0 when it is ending."""
    try:
        with open(f"/proc/{pid}/status") as lines:  # noqa: PTH123  each guard would need 10 ms to import pathlib
            return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
    except (FileNotFoundError, ProcessLookupError):
        return 0


def stopped_by_agent(resource: str, pid: int) -> bool:
    """Whether the agent's pid file disappears within AGENT_STOP_LIMIT, or names another process."""
    file = f"{os.environ.get('HA_RSCTMP', '/run/resource-agents')}/{resource}.pid"
    deadline = time.monotonic() + AGENT_STOP_LIMIT
    while time.monotonic() < deadline:
        try:
            with open(file) as pid_file:  # noqa: PTH123  as above
                if pid_file.read().strip() != str(pid):
                    return True
        except FileNotFoundError:
            return True
        time.sleep(0.2)
    return False


class Pacemaker:
    """Reports a resource's failures to Pacemaker on this host. A report that fails is logged.

    Pacemaker counts the reported failures in attributes of the cluster node: see crm_mon -f.
    """

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.count, self.last = (f"{what}-{resource}#asyncmon_0" for what in ("fail-count", "last-failure"))

    def failed(self, *, unable: bool) -> None:
        """Report a failure here. `unable`: with a fail-count that makes Pacemaker prefer any other host."""
        with logged(f"could not report the failure of {self.resource} to Pacemaker"):
            node = crm("crm_node", "-n")
            if unable:
                # Delete the older failures elsewhere: if both hosts had this count, the resource would stay here.
                for other in set(crm("crm_node", "-p").split()) - {node}:
                    self._delete_failures(other)
                crm("attrd_updater", "-n", self.last, "-U", str(int(time.time())))
                crm("attrd_updater", "-n", self.count, "-U", str(UNABLE_FAIL_COUNT))
            crm("crm_resource", "--fail", "-r", self.resource, "-N", node)
            text = f"reported the failure of {self.resource} on {node} to Pacemaker"
            syslog.syslog(syslog.LOG_NOTICE, text)

    def clear_unable(self) -> None:
        """Delete the fail-count of this host if `failed(unable=True)` set it; keep a lower one."""
        with logged(f"could not tell Pacemaker that {self.resource} works here"):
            node = crm("crm_node", "-n")
            count = crm("crm_attribute", "-t", "status", "-N", node, "-n", self.count, "-G", "-q", "-d", "0")
            if count.isdigit() and int(count) >= UNABLE_FAIL_COUNT:
                self._delete_failures(node)

    def _delete_failures(self, node: str) -> None:
        for name in (self.count, self.last):
            crm("attrd_updater", "-n", name, "-D", "-N", node)


@contextlib.contextmanager
def logged(failure: str) -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        syslog.syslog(syslog.LOG_ERR, f"{failure}: {error}")


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
