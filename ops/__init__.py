"""What an operator runs on a deployed stack: its health, what differs, backups, replacements."""
