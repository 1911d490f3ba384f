"""The ways to the stack's hosts: one command at a time, or a survey of all of them at once."""
