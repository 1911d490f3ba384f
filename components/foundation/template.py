"""Renders templates/ and files/ into the texts that go onto hosts, without Pulumi.

A step's script consists of `step/functions.sh`, `step/lib.sh`, the step's own template, keep_record and an end marker.
In a step's template, `put(template, path, owner, mode)`, `put_asset(file, path, owner, mode)` and `put_text(text, path,
owner, mode)` become calls of the shell function `put_file`, with the content in a here-document.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import jinja2

ROOT = Path(__file__).resolve().parents[2]
PAIR = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
END_MARKER = "# end of step"


def render(template: str, context: Mapping[str, Any]) -> str:
    """Text of `templates/<template>`. Raises jinja2.UndefinedError for a name that the context lacks."""
    return _environment().get_template(template).render(**context)


def render_step(template: str, context: Mapping[str, Any]) -> str:
    """The script of a step: library, template, end marker. Its first command is set -euo pipefail.

    The script needs the step's name in the variable STEP.
    """
    library = (ROOT / "templates/step/lib.sh").read_text()
    return f"{_functions()}\n{library}\n{render(template, context)}\nkeep_record\n{END_MARKER}\n"


def render_command(template: str, context: Mapping[str, Any]) -> str:
    """A script that ops/ sends to a host: a line that names the template, functions, template. It records nothing."""
    return f"# templates/{template}\n{_functions()}\n{render(template, context)}\n"


def _functions() -> str:
    return (ROOT / "templates/step/functions.sh").read_text()


def digest(*texts: str) -> str:
    """Short hash of texts, for a step that has to run again when the content of another step changes."""
    return sha256("\0".join(texts).encode()).hexdigest()[:16]


def whole(content: str) -> str:
    """A file's content as put_file writes it: with a line feed at its end."""
    return content if content.endswith("\n") else f"{content}\n"


def heredoc(content: str, path: str, owner: str, mode: str) -> str:
    """Shell text that calls put_file with `content` on its standard input; `path` may contain shell variables."""
    content = whole(content)
    marker = f"END_{digest(content)}"
    return f"put_file \"{path}\" {owner} {mode} <<'{marker}'\n{content}{marker}"


def oslo(value: object) -> str:
    """A value as text for oslo.config, which substitutes `$` and removes blanks and quotes around a value."""
    text = str(value).replace("$", "$$")
    return f'"{text}"' if text != text.strip() or text[:1] in {"'", '"'} else text


def json_in_yaml(value: object, **options: Any) -> str:
    """JSON that YAML reads with the same meaning: YAML does not combine the two escapes of a character above U+FFFF."""
    return PAIR.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), json.dumps(value, **options))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # noqa: S701  shell and configuration files, no HTML
    )
    # With this encoder, an undefined name in tojson raises UndefinedError and not JSON's TypeError.
    environment.policies["json.dumps_function"] = json_in_yaml
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "default": str}
    environment.filters["sh"] = lambda value: shlex.quote(str(value))
    environment.filters["oslo"] = oslo
    environment.filters["zip"] = zip
    environment.filters["digest"] = digest
    environment.filters["netmask"] = lambda cidr: IPv4Network(cidr).with_netmask
    environment.globals["put"] = _put
    environment.globals["asset"] = _asset
    environment.globals["put_asset"] = _put_asset
    environment.globals["put_text"] = heredoc
    return environment


@jinja2.pass_context
def _put(context: jinja2.runtime.Context, template: str, path: str, owner: str, mode: str) -> str:
    return heredoc(context.environment.get_template(template).render(context.get_all()), path, owner, mode)


def _asset(file: str) -> str:
    return (ROOT / "files" / file).read_text()


def _put_asset(file: str, path: str, owner: str, mode: str) -> str:
    return heredoc(_asset(file), path, owner, mode)
