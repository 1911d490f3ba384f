"""Access to a stack's hosts through its bastion.

commands: one command at a time, for long tasks and data. survey: the commands of all hosts in parallel.
shell: `congress-ha ssh`. files: the files that ssh reads.
"""
