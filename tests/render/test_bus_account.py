"""The account of Congress on the bus, as RabbitMQ's Erlang evaluates it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.render.support.cases import Case, Validator, cases
from tests.support.programs import program, run

GUEST = '<<"guest">> => <<"guest">>'


def evaluated(case: Case, before: str, folder: Path) -> tuple[int, list[str]]:
    """Exit status, and what was changed, one term each; `before`: accounts as Erlang writes the pairs of a map."""
    file = folder / "account.erl"
    file.write_text(case.text)
    script = Path(__file__).parent / "support/account.escript"
    done = run(program("escript"), script, file, f"#{{{before}}}", env={"HOME": str(folder)})
    return done.returncode, done.stdout.splitlines()


def user(case: Case, password: str | None = None) -> str:
    context: Any = case.context
    return f'<<"{context["user"]}">> => <<"{password or context["password"]}">>'


@pytest.mark.parametrize("case", cases(Validator.ERLANG_EXPRESSIONS), ids=str)
def test_the_first_run_makes_the_account_and_deletes_rabbitmq_s_own(case: Case, tmp_path: Path) -> None:
    name, virtual_host = case.context["user"], case.context["virtual_host"]
    assert evaluated(case, GUEST, tmp_path) == (
        0,
        [
            f'{{add_user,<<"{name}">>}}',
            *([] if virtual_host == "/" else [f'{{add_vhost,<<"{virtual_host}">>}}']),
            f'{{set_permissions,<<"{name}">>,<<"{virtual_host}">>,<<".*">>,<<".*">>,<<".*">>}}',
            '{delete_user,<<"guest">>}',
            "{logs_in,true}",
        ],
    )


@pytest.mark.parametrize("case", cases(Validator.ERLANG_EXPRESSIONS), ids=str)
def test_a_password_is_changed_only_if_it_is_another_one(case: Case, tmp_path: Path) -> None:
    _, same = evaluated(case, user(case), tmp_path)
    _, other = evaluated(case, user(case, "former"), tmp_path)
    change = f'{{change_password,<<"{case.context["user"]}">>}}'
    assert other == [change, *same]
    assert change not in same


@pytest.mark.parametrize("case", cases(Validator.ERLANG_EXPRESSIONS), ids=str)
def test_an_account_that_cannot_log_in_is_an_error(case: Case, tmp_path: Path) -> None:
    status, changes = evaluated(case, "refuse => true", tmp_path)
    assert (status, changes[-1]) == (1, "{badmatch,{logs_in,false}}")
