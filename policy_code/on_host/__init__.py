"""What applies a declaration on a policy engine's host, with Congress's own Python and login. Import nothing here."""

# Where the modules are on the host.
LIBRARY = "/usr/local/lib/congress-ha"
# The host's record of what was applied last.
RECORD = "/var/lib/congress-ha/policies.json"
# In place of a record: whatever somebody changed becomes what is declared.
OVERWRITE = "overwrite"
# Reads a request from standard input.
COMMAND = (
    f"runuser -u congress -- env PYTHONPATH={LIBRARY} PYTHONDONTWRITEBYTECODE=1 /opt/congress/bin/python "
    f"-m policy_code.on_host /etc/congress/congress.conf {RECORD}"
)
