"""A host from its old server to a new one, and the confirmation that a server is dead."""
