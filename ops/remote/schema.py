"""Sent to a Congress host: the installed Congress, and the revisions of the database's schema that it knows."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    import congress.db.migration  # noqa: PLC0415  on the host alone
    from alembic.script import ScriptDirectory  # type: ignore[import-not-found]  # noqa: PLC0415

    folder = Path(congress.db.migration.__file__).parent / "alembic_migrations"
    scripts = ScriptDirectory(str(folder))
    known = [script.revision for script in scripts.walk_revisions()]
    print(json.dumps({"congress": version("openstack-congress"), "revisions": known}))


if __name__ == "__main__":
    main()
