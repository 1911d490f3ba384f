"""Check that exactly one datasource node serves the bus.

Runs on any Congress host, in the virtual environment. Exit code 0: exactly one node consumes from the datasource
manager's queue and answers a ping. Exit code 1: anything else; the output says it in one sentence.
"""

import argparse
import os
import sys
import time

import oslo_messaging
from congress.common import config
from congress_runtime import patches
from congress_runtime.bus import (
    DATASOURCE_MANAGER,
    BusError,
    are_all_up,
    connection,
    consumers,
    ping,
    rpc_transport,
    topic,
)
from oslo_config import cfg

NETWORK_TIMEOUT = 5.0
PAUSE = 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config-file", default="/etc/congress/congress.conf", metavar="FILE")
    parser.add_argument(
        "--wait", type=float, default=0, metavar="SECONDS", help="repeat the check this long (0: check once)"
    )
    arguments = parser.parse_args()
    try:
        config.init(["--config-file", arguments.config_file])
    except cfg.Error as error:
        print(f"cannot read the configuration {arguments.config_file}: {error}")
        return 1
    patches.apply(patches.BUS)
    deadline = time.monotonic() + arguments.wait
    while True:
        problem = check(cfg.CONF)
        if problem is None:
            print("one datasource node serves the bus")
            return 0
        if time.monotonic() >= deadline:
            print(problem)
            return 1
        time.sleep(PAUSE)


def check(conf: cfg.ConfigOpts) -> str | None:
    """Describe the problem in one sentence, None when exactly one datasource node serves."""
    queue = topic(conf, DATASOURCE_MANAGER)
    try:
        with connection(conf, NETWORK_TIMEOUT) as link:
            count = consumers(link.default_channel, queue)
    except BusError as error:
        return str(error)
    # Where one of the bus's hosts is off, the number may be too high, and the ping has to do.
    if count != 1 and (count == 0 or are_all_up(conf)):
        return f"{count} datasource nodes on the bus instead of one (consumers of {queue})"
    transport = rpc_transport(conf)
    try:
        ping(conf, transport, DATASOURCE_MANAGER, NETWORK_TIMEOUT)
    except oslo_messaging.MessagingTimeout:
        return f"the datasource node hangs: no answer on {queue} within {NETWORK_TIMEOUT:.0f} s"
    finally:
        transport.cleanup()
    return None


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # A normal exit would wait up to 10 s for the thread of oslo.messaging's metrics.
    os._exit(code)
