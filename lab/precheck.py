#!/usr/bin/env python3
"""Check whether the lab can run on this machine. Prints each problem with its solution; exit 1 if there is any.

Changes nothing. `problems` depends only on the settings (LAB_* of lab.env, which lab/up puts into the
environment) and on the `Facts` that `gather` (facts.py) reads from the machine.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lab.facts import CGROUPS, COMMANDS, Facts, gather

MEMORY_GIB = 9  # the controller takes 4, two compute hosts 0.7 each, the 13 servers of stack dev the rest
DISK_GIB = 10  # the root of the nodes takes 2; the rest is for the image and the data of the servers

NODE_NAME = 10  # the kernel limits an interface's name to 15 characters, and one is called NODE-mgmt
# Some VPNs set a default route in two halves. Any narrower route takes precedence over these.
DEFAULT_ROUTES = ("default", "0.0.0.0/1", "128.0.0.0/1")


@dataclass(frozen=True)
class Network:
    """One of the lab's two networks; `var` is the middle of its settings' names: LAB_<var>_CIDR."""

    var: str
    bridge: str
    cidr: ipaddress.IPv4Network
    gateway: ipaddress.IPv4Address


def parse_network(env: Mapping[str, str], var: str) -> Network | str:
    """The network, or what is wrong with its settings."""
    cidr, gateway = env[f"LAB_{var}_CIDR"], env[f"LAB_{var}_GATEWAY"]
    try:
        net = Network(
            var, env[f"LAB_{var}_BRIDGE"], ipaddress.IPv4Network(cidr), ipaddress.IPv4Address(gateway)
        )
    except ValueError as error:
        return f"LAB_{var}_CIDR={cidr} with LAB_{var}_GATEWAY={gateway}: {error}"
    if net.gateway not in net.cidr:
        return f"LAB_{var}_GATEWAY={gateway} is not in LAB_{var}_CIDR={cidr}: choose an address of it"
    return net


def is_address_of(net: Network, text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text) in net.cidr
    except ValueError:
        return False


def settings_problems(env: Mapping[str, str], nets: list[Network]) -> Iterator[str]:
    mgmt, ext = nets
    if mgmt.cidr.overlaps(ext.cidr):
        yield f"LAB_MGMT_CIDR={mgmt.cidr} and LAB_EXT_CIDR={ext.cidr} overlap: choose two separate ranges"
    used = [("LAB_NODES", mgmt, item.partition("=")[2]) for item in env["LAB_NODES"].split()]
    used += [("LAB_EXT_POOL", ext, item) for item in env["LAB_EXT_POOL"].split()]
    for name, net, text in used:
        if not is_address_of(net, text):
            yield f"{name}: {text or 'no address'} is not an address of LAB_{net.var}_CIDR={net.cidr}"
    for node in node_names(env):
        if len(node) > NODE_NAME:
            yield f"LAB_NODES: the name {node} is longer than {NODE_NAME} characters"


def node_names(env: Mapping[str, str]) -> list[str]:
    return [item.partition("=")[0] for item in env["LAB_NODES"].split()]


def own_interfaces(env: Mapping[str, str], nets: list[Network], facts: Facts) -> set[str]:
    """Existing interfaces of this lab: bridges that have the lab's address or none, and the nodes' links."""
    own = {f"{node}-{leg}" for node in node_names(env) for leg in ("mgmt", "ext")}
    for net in nets:
        kinds = [
            link.get("linkinfo", {}).get("info_kind") for link in facts.links if link["ifname"] == net.bridge
        ]
        have = {
            info["local"]
            for address in facts.addresses
            if address["ifname"] == net.bridge
            for info in address["addr_info"]
        }
        # An acceptance run that was killed leaves addresses of its clients beside the lab's.
        if kinds == ["bridge"] and (not have or str(net.gateway) in have):
            own.add(net.bridge)
    return own


def network_problems(env: Mapping[str, str], facts: Facts) -> Iterator[str]:
    parsed = [parse_network(env, var) for var in ("MGMT", "EXT")]
    yield from (item for item in parsed if isinstance(item, str))
    nets = [item for item in parsed if isinstance(item, Network)]
    if len(nets) == len(parsed):
        yield from settings_problems(env, nets)
    own = own_interfaces(env, nets, facts)
    for net in nets:
        yield from conflicts(net, own, facts)
    if not any(route["dst"] == "default" for route in facts.routes):
        yield (
            "no default route: connect this machine, because the lab reaches the package mirrors through it"
        )
    if not facts.resolvers:
        yield "no name server that the lab's servers can reach: name one in /etc/resolv.conf (IPv4, not 127.x)"
    for node in node_names(env):
        if node in facts.namespaces and not facts.has_state:
            yield (
                f"network namespace {node} exists, but there is no lab: "
                "lab/purge removes it, or rename the node in LAB_NODES"
            )
    drops = re.search(r"hook forward .*policy drop", facts.nft_ruleset)
    if drops and not all(net.bridge in facts.nft_ruleset for net in nets):
        rules = "; ".join(
            f"iptables -I FORWARD -{way} {net.bridge} -j ACCEPT" for net in nets for way in "io"
        )
        yield f"this machine's firewall forwards nothing (policy drop); the lab needs these rules: {rules}"


def conflicts(net: Network, own: set[str], facts: Facts) -> Iterator[str]:
    """What already uses the network's bridge or addresses."""
    if net.bridge in {link["ifname"] for link in facts.links} - own:
        yield (
            f"interface {net.bridge} exists and is not this lab's: "
            f"set LAB_{net.var}_BRIDGE to another name (lab/lab.env) or remove it (ip link del {net.bridge})"
        )
    users = {
        f"{route['dst']} on {route.get('dev', 'no device')}"
        for route in facts.routes
        if route.get("dev") not in own
        and route["dst"] not in DEFAULT_ROUTES
        and net.cidr.overlaps(ipaddress.IPv4Network(route["dst"]))
    }
    if users:
        more = "LAB_NODES" if net.var == "MGMT" else "LAB_EXT_POOL"
        yield (
            f"address range {net.cidr} is in use ({', '.join(sorted(users))}): "
            f"set LAB_{net.var}_CIDR, LAB_{net.var}_GATEWAY and {more} to a free range (lab/lab.env)"
        )


def problems(env: Mapping[str, str], facts: Facts) -> list[str]:
    """Every reason why the lab cannot run, each with its solution; empty if there is none."""
    messages: list[str] = []
    if not facts.is_root:
        messages.append("needs root: run it with sudo")
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', facts.os_release, re.MULTILINE))
    if (release.get("ID"), release.get("VERSION_ID")) != ("debian", "12"):
        name = release.get("PRETTY_NAME", "an unknown system")
        messages.append(f"this is {name}; the lab needs Debian 12: use such a machine or a virtual one")
    if facts.locked:
        messages.append(f"another up, down or purge of {env['LAB_NAME']} is running: wait until it ends")
    if facts.apt_sources == 0:
        suite = env["LAB_SUITE"]
        messages.append(
            f"apt knows no Debian sources for {suite}: name them in /etc/apt/sources.list, run apt-get update"
        )
    messages += [f"{name} is missing: apt-get install {COMMANDS[name]}" for name in facts.missing_commands]
    if "ip" not in facts.missing_commands:
        messages += network_problems(env, facts)
    missing = [name for name in CGROUPS if name not in facts.cgroups]
    if missing:
        messages.append(
            f"no control groups (version 1) for {', '.join(missing)} below /sys/fs/cgroup: "
            "boot with systemd.unified_cgroup_hierarchy=0 on the kernel's command line"
        )
    if facts.kernel_lacks:
        messages.append(
            f"this kernel lacks {', '.join(facts.kernel_lacks)}: boot Debian's kernel (linux-image-amd64)"
        )
    state = env["LAB_STATE"]
    if not facts.runs and facts.memory < MEMORY_GIB:
        messages.append(f"{facts.memory:.1f} GiB of memory free, {MEMORY_GIB} GiB needed: end other programs")
    if not facts.runs and facts.disk < DISK_GIB:
        messages.append(
            f"{facts.disk:.1f} GiB free for {state}, {DISK_GIB} GiB needed: free space or move LAB_STATE"
        )
    return messages


def main() -> int:
    messages = problems(os.environ, gather(os.environ))
    if messages:
        print(
            f"The lab cannot run on this machine; nothing was changed. Problems: {len(messages)}",
            file=sys.stderr,
        )
    for problem in messages:
        print(f"  - {problem}", file=sys.stderr)
    return 1 if messages else 0


if __name__ == "__main__":
    sys.exit(main())
