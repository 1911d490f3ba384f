"""The operator's commands: `congress-ha`, also by make targets of the same names.

cli.py lists the commands. Each package is a purpose: stack (what Pulumi knows), cloud (requests to OpenStack), ssh
(access to hosts), remote (scripts that run on hosts), health (`status`), drift (`verify` and `repair`), data (`backup`
and `restore`), replacement (`replace` and `confirm-dead`), common (what several of them share). Each package's
docstring lists its modules. Modules named after a command parse its arguments, print, and set the exit code.
"""
