"""The health of a stack: `congress-ha status`.

status: the command. role_health: what a role defines; roles/: one class per role. probes: the commands that hosts run.
parsing: from their output to facts. facts: what was observed. assessment, disks: from facts to findings. finding: one
line for the operator. table: what the terminal and --json show.
"""
