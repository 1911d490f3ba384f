"""Sent to a Congress host: prints Congress's version and the schema revisions that it supports, as JSON."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path


def main() -> None:
    import congress.db.migration  # noqa: PLC0415  on the host alone
    from alembic.script import ScriptDirectory  # type: ignore[import-not-found]  # noqa: PLC0415

    folder = Path(congress.db.migration.__file__).parent / "alembic_migrations"
    scripts = ScriptDirectory(str(folder))
    revisions = [script.revision for script in scripts.walk_revisions()]
    print(json.dumps({"congress": version("openstack-congress"), "revisions": revisions}))


if __name__ == "__main__":
    main()
