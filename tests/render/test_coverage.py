"""Every template has a validator, and a missing name is an error in every template."""

from __future__ import annotations

import ast
from pathlib import Path

import jinja2
import jinja2.meta
import pytest

from components.foundation.template import render
from tests.render.support.cases import TABLE, TEMPLATES, Case, Validator, cases
from tests.support.programs import program

# Not a jinja2 template: it precedes every step's script, and test_library.py runs it.
LIBRARY = {"step/functions.sh", "step/lib.sh"}


def test_every_template_has_a_validator() -> None:
    """A template that others include is validated in them."""
    templates = {str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*") if file.is_file()}
    included = {name for template in templates - LIBRARY for name in _included(template)}
    assert set(TABLE) <= templates, (
        "the table in tests/render/support/cases.py names templates that do not exist"
    )
    assert not templates - LIBRARY - included - set(TABLE), (
        "templates without a validator: add them to the table in tests/render/support/cases.py"
    )


def _included(template: str) -> set[str]:
    tree = jinja2.Environment(autoescape=True).parse((TEMPLATES / template).read_text())
    return {name for name in jinja2.meta.find_referenced_templates(tree) if name}


def test_every_step_is_validated_as_a_script() -> None:
    for template, (validator, _) in TABLE.items():
        assert template.endswith(".sh.j2") == (validator is Validator.BASH), template


@pytest.mark.parametrize("validator", Validator, ids=lambda validator: validator.name)
def test_every_validator_is_used_in_a_test(validator: Validator) -> None:
    """A test is parametrized by cases(Validator.X), that is, by every template that the table assigns to X."""
    asked = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cases":
                asked |= {word.attr for word in node.args if isinstance(word, ast.Attribute)}
    assert validator.name in asked


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_name_left_out_is_an_error(case: Case) -> None:
    """Includes names that only an included template uses, but not names that this template does not use."""
    used = [name for name in case.context if name in _names(case.template)]
    for name in used:
        context = {key: value for key, value in case.context.items() if key != name}
        with pytest.raises(jinja2.UndefinedError, match=name):
            render(case.template, context)


def _names(template: str) -> set[str]:
    """Names in a template and in those that it writes to files."""
    tree = jinja2.Environment(autoescape=True).parse((TEMPLATES / template).read_text())
    names = {node.name for node in tree.find_all(jinja2.nodes.Name)}
    for call in tree.find_all(jinja2.nodes.Call):
        if isinstance(call.node, jinja2.nodes.Name) and call.node.name == "put":
            names |= _names(str(call.args[0].as_const()))
    return names


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_validator_skips_the_test_but_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no-such-validator is not installed; `make validators` installs it"):
        program("no-such-validator")
