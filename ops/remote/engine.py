"""Sent to a policy engine's host: compares what the engine has in memory with what the database has.

Congress answers GET /v1/policies, .../rules and /v1/data-sources from the database, so every engine answers alike.
Only .../status and .../tables come from the engine's own memory, which is updated once per sync period.
.../status does not find a fact (a rule without a body) even if it exists; its table is in .../tables.
With `auth` keystone all of these require a token and are left out. GET /health and GET /health/lag require none;
the latter is answered only on the engine's own host.

usage: engine.py URL SECONDS CONFIGURATION: prints one JSON object, which `view` in ops/health/roles/policy_engine
reads; exit code 1 and one line if there is no answer.
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

    def remaining(self) -> float:
        return max(self.end - time.monotonic(), 0.05)

    def ask(self, path: str, read: Callable[[IO[bytes]], Any]) -> tuple[int, Any]:
        """HTTP status and the body as `read` returns it; 0 and the reason if there was no answer in time."""
        try:
            with urllib.request.urlopen(f"{self.url}/{path}", timeout=self.remaining()) as answer:  # noqa: S310
                return answer.status, read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None
        except (OSError, ValueError) as error:
            return 0, str(getattr(error, "reason", error))

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON body of a path of the API."""
        return self.ask(f"v1/{path}", json.load)

    def results(self, path: str) -> list[dict[str, Any]] | None:
        """The items of a collection, None if there was no answer in time."""
        status, body = self.get(path)
        return list(body["results"]) if status == OK else None

    def policy(self, policy: dict[str, Any]) -> dict[str, Any]:
        """Which of a policy's rules the engine lacks, and the tables that it has.

        `complete`: whether everything was answered in time.
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
        present = codes[0] != NOT_FOUND
        answered = not present or (tables is not None and rules is not None)
        return {
            "name": policy["name"],
            "known": present,
            "missing": missing,
            "tables": sorted(table["id"] for table in tables or []),
            "rules": len(rules or []),
            "complete": answered and set(codes) <= {OK, NOT_FOUND},
        }

    def datasource(self, datasource: dict[str, Any]) -> dict[str, Any]:
        """Whether the engine has a datasource, and its status, for which the engine asks the datasource node."""
        present = self.get(f"policies/{quote(datasource['name'])}/status")[0] != NOT_FOUND
        code, body = self.get(f"data-sources/{datasource['id']}/status")
        status = body if code == OK else {}
        error = "" if status.get("last_error") in {None, "None", ""} else str(status["last_error"])
        return {
            "name": datasource["name"],
            "known": present,
            "enabled": datasource["enabled"],
            "code": code,
            "last_error": error,
            "rows": int(status["number_of_rows"]) if "number_of_rows" in status else None,
            "age": age(status.get("last_updated")),
        }


def age(moment: str | None) -> int | None:
    """Seconds since a time that Congress returns in its host's local time; None if there is none yet."""
    try:
        return max(round((datetime.now() - datetime.fromisoformat(moment or "")).total_seconds()), 0)  # noqa: DTZ005
    except ValueError:
        return None


def sync_period(file: str) -> int:
    """datasource_sync_period in seconds; Congress's default is 60."""
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read(file)
    return config.getint("DEFAULT", "datasource_sync_period", fallback=60)


def main(url: str, limit: float, file: str) -> int:
    began = time.monotonic()
    engine = Engine(url, limit)
    code, why = engine.ask("health", lambda answer: answer.read().decode())
    answer_object: dict[str, Any] = {"code": code, "ms": round((time.monotonic() - began) * 1000)}
    policies: Any = None
    lag: Future[tuple[int, Any]] | None = None
    if code == OK:
        # The second line names what the engine is still loading after its start.
        answer_object["loading"] = next(
            (line for line in why.splitlines() if line.startswith("loading ")), ""
        )
        lag = ThreadPoolExecutor(1).submit(engine.ask, "health/lag", json.load)
        answer_object["listed"], policies = engine.get("policies")
        why = policies
    if 0 in {code, answer_object.get("listed")}:
        print(why, file=sys.stderr)
        return 1
    if answer_object.get("listed") == OK:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            # Policies come first, because a hung datasource node uses up all the time.
            answer_object["policies"] = list(pool.map(engine.policy, policies["results"]))
            present = engine.results("data-sources")
            answer_object["datasources"] = (
                None if present is None else list(pool.map(engine.datasource, present))
            )
        answer_object["sync_period"] = sync_period(file)
    if lag:
        status, body = lag.result()
        answer_object["lag"] = body if status == OK else None
    print(json.dumps(answer_object))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
