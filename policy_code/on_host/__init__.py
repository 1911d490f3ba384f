"""What applies a declaration on a policy engine's host, with Congress's own Python and login. Import nothing here."""

# Where the modules are on the host.
LIBRARY = "/usr/local/lib/congress-ha"
# The host's record of what was applied last.
RECORD = "/var/lib/congress-ha/policies.json"
# In place of a record: whatever somebody changed becomes what is declared.
OVERWRITE = "overwrite"
# In place of a record: the rules become what is declared, but no policy or datasource vanishes.
REPAIR = "repair"
# Orders a repair in place of the record, unless the operator ordered more.
FORGET = f"grep -sqx '\"{OVERWRITE}\"' {RECORD} || echo '\"{REPAIR}\"' > {RECORD}"
# Reads a request from standard input.
COMMAND = (
    f"runuser -u congress -- env PYTHONPATH={LIBRARY} PYTHONDONTWRITEBYTECODE=1 /opt/congress/bin/python "
    f"-m policy_code.on_host /etc/congress/congress.conf {RECORD}"
)
# Shell. The step puts the modules there before it applies anything, so also in an `up` that refuses the folder's names.
NEED_STEP = (
    f"[ -d {LIBRARY}/policy_code ] || {{ echo 'no `up` with the setting policies has reached this host: run it first' "
    ">&2; exit 1; }; "
)
