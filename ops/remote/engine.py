"""Sent to a policy engine's host: what the engine has in memory, beside what the database has for all.

Congress answers GET /v1/policies, .../rules and /v1/data-sources from the database, alike at every engine.
Only .../status and .../tables come from the engine's own memory, brought up to date once a sync period.
A fact (a rule without a body) is not found by .../status even when it is there; its table is in .../tables.
All of that takes a token where `auth` is keystone, and is left out then; GET /health takes none, nor does GET
/health/lag, which is answered on the engine's own host alone.

usage: engine.py URL SECONDS CONFIGURATION: prints one JSON object; exit code 1 and one line on no answer.
"""

from __future__ import annotations

import configparser
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import IO, Any
from urllib.parse import quote

AT_ONCE = 8
OK, NOT_FOUND = 200, 404


class Engine:
    def __init__(self, url: str, limit: float) -> None:
        self.url, self.end = url, time.monotonic() + limit

    def left(self) -> float:
        return max(self.end - time.monotonic(), 0.05)

    def ask(self, path: str, read: Callable[[IO[bytes]], Any]) -> tuple[int, Any]:
        """Status and body as it is read; 0 and a reason when there was no answer in time."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}", timeout=self.left()) as answer:  # noqa: S310
                return answer.status, read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None
        except (OSError, ValueError) as error:
            return 0, str(getattr(error, "reason", error))

    def get(self, path: str) -> tuple[int, Any]:
        """The same of something in the API, whose body is JSON."""
        return self.ask(f"v1/{path}", json.load)

    def results(self, path: str) -> list[dict[str, Any]] | None:
        """A collection's items, None when it was not answered (in time)."""
        status, body = self.get(path)
        return list(body["results"]) if status == OK else None

    def policy(self, policy: dict[str, Any]) -> dict[str, Any]:
        """Which of a policy's rules the engine does not know, and the tables that it knows.

        `complete`: all of it was answered in time.
        """
        path = f"policies/{quote(policy['name'])}"
        codes = [self.get(f"{path}/status")[0]]
        tables, rules = self.results(f"{path}/tables"), self.results(f"{path}/rules")
        missing = []
        for rule in (rules or []) if codes == [OK] else []:
            if ":-" in rule["rule"]:
                codes.append(self.get(f"{path}/rules/{rule['id']}/status")[0])
                if codes[-1] == NOT_FOUND:
                    missing.append(rule["rule"])
            if codes[-1] == 0:
                break
        known = codes[0] != NOT_FOUND
        answered = not known or (tables is not None and rules is not None)
        return {
            "name": policy["name"],
            "known": known,
            "missing": missing,
            "tables": sorted(table["id"] for table in tables or []),
            "rules": len(rules or []),
            "complete": answered and set(codes) <= {OK, NOT_FOUND},
        }

    def datasource(self, datasource: dict[str, Any]) -> dict[str, Any]:
        """Whether the engine knows a datasource, and its status, asked of the datasource node."""
        known = self.get(f"policies/{quote(datasource['name'])}/status")[0] != NOT_FOUND
        code, body = self.get(f"data-sources/{datasource['id']}/status")
        status = body if code == OK else {}
        error = "" if status.get("last_error") in {None, "None", ""} else str(status["last_error"])
        return {
            "name": datasource["name"],
            "known": known,
            "code": code,
            "last_error": error,
            "rows": int(status["number_of_rows"]) if "number_of_rows" in status else None,
            "age": age(status.get("last_updated")),
        }


def age(moment: str | None) -> int | None:
    """Seconds since a moment as Congress tells it, in the time of its host; None when there was none yet."""
    try:
        return max(round((datetime.now() - datetime.fromisoformat(moment or "")).total_seconds()), 0)  # noqa: DTZ005
    except ValueError:
        return None


def sync_period(file: str) -> int:
    """Seconds; Congress's own default is 60."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read(file)
    return config.getint("DEFAULT", "datasource_sync_period", fallback=60)


def main(url: str, limit: float, file: str) -> int:
    began = time.monotonic()
    engine = Engine(url, limit)
    code, why = engine.ask("health", lambda answer: answer.read().decode())
    seen: dict[str, Any] = {"code": code, "ms": round((time.monotonic() - began) * 1000)}
    policies: Any = None
    lag: Future[tuple[int, Any]] | None = None
    if code == OK:
        # Its second line: what it loads since its start.
        seen["loading"] = next((line for line in why.splitlines() if line.startswith("loading ")), "")
        lag = ThreadPoolExecutor(1).submit(engine.ask, "health/lag", json.load)
        seen["listed"], policies = engine.get("policies")
        why = policies
    if 0 in {code, seen.get("listed")}:
        print(why, file=sys.stderr)
        return 1
    if seen.get("listed") == OK:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # The policies first: a datasource node that hangs takes all the time there is.
            seen["policies"] = list(pool.map(engine.policy, policies["results"]))
            known = engine.results("data-sources")
            seen["datasources"] = None if known is None else list(pool.map(engine.datasource, known))
        seen["sync_period"] = sync_period(file)
    if lag:
        status, told = lag.result()
        seen["lag"] = told if status == OK else None
    print(json.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
