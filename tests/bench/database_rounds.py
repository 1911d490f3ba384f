"""Rounds of faults of the database's three hosts, on the deployed stack dev: is every acknowledged rule there, once?

Each round adds rules through the API all the time, causes one fault, waits until rules are added again, and compares:
one host takes writes, all hosts have the same rules, and each rule that the API has confirmed is there exactly once.
Prints a line for each round, and stops at the first one that is not survived.

usage: python -m tests.bench.database_rounds [--rounds N] [--seed S] [--only FAULT]
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tests.acceptance.support.databases import Members, adding_rules
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.guests import Server, init_of
from tests.support.waiting import wait_for

# So many of ten rounds have a fault of the writer.
WRITERS = 7
PAUSE = 8  # seconds of a paused process
BACK = 300.0  # seconds for rules to be added again, and for all copies to be level


def kill(server: Server) -> None:
    server.run("systemctl kill -s KILL mariadb")


def pause(server: Server) -> None:
    server.signal("/usr/sbin/mariadbd", "STOP")
    time.sleep(PAUSE)
    if init_of(server.name) is not None:
        server.run("pkill -CONT -x mariadbd || true")


@contextmanager
def fenced(server: Server) -> Iterator[None]:
    """Return when the other hosts have had the server rebooted."""
    before = init_of(server.name)
    yield
    wait_for(f"{server.name} is rebooted", BACK, lambda: init_of(server.name) not in {None, before})


def off(server: Server) -> None:
    with fenced(server):
        server.power_off()


def freeze(server: Server) -> None:
    with fenced(server):
        server.virsh("suspend")


def cut(server: Server) -> None:
    """Cut the link. For the rebooted server, the compute host creates a new one."""
    with fenced(server):
        server.link("down")


def take(server: Server) -> None:
    server.run("congress-database take", 150)


FAULTS: Mapping[str, Callable[[Server], None]] = {
    "killed": kill,
    "paused": pause,
    "off": off,
    "frozen": freeze,
    "cut": cut,
    "takes the writes": take,
}


def one_round(members: Members, fault: str, victim: Server) -> float:
    """Seconds until a rule was added again."""
    with adding_rules(members.deployment) as rules:
        began = time.time()
        FAULTS[fault](victim)
        rules.added_again(BACK)
        wait_for("any one may fail again", BACK, members.may_lose_one)
        rules.stop()
        members.data_is_whole(rules)
    return rules.silence(began)


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 100,
    seed: Annotated[int, typer.Option(help="For the same faults again.")] = 1,
    only: Annotated[str, typer.Option(help="Only this fault.")] = "",
) -> None:
    dice, silences = random.Random(seed), defaultdict[str, list[float]](list)  # noqa: S311  repeatable
    with tempfile.TemporaryDirectory() as folder, lab_cloud("lab-admin") as admin:
        members = Members(Deployment(Path(folder)), admin)
        for number in range(1, rounds + 1):
            fault = dice.choice([name for name in FAULTS if only in name])
            is_writer = dice.randrange(10) < WRITERS and fault != "takes the writes"
            victim = members.writer if is_writer else members.replica
            what = f"{'writer' if is_writer else 'replica'} {fault}"
            print(f"{time.strftime('%T')} {number}. {what} ({victim.name}): ", end="", flush=True)
            try:
                silence = one_round(members, fault, victim)
            except AssertionError as error:
                sys.exit(f"not survived (seed {seed}): {error}")
            silences[what].append(silence)
            print(f"{silence:.1f} s without a new rule", flush=True)
    for what, found in sorted(silences.items()):
        print(f"| {what} | {len(found)} | {statistics.median(found):.1f} | {max(found):.1f} |")


if __name__ == "__main__":
    typer.run(main)
