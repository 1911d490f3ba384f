"""A stack as Pulumi knows it, and the recovery from interrupted Pulumi runs.

environment: $STACK's backend, passphrase and cloud. pulumi: runs the CLI. program: commands that only run a script.
outputs: the stack's outputs as objects. host_server: a host's server in the state. checkpoint: the state's view of the
cloud. recovery: from an interrupted run; pending is its command. orphans: resources of interrupted creations.
leftovers: what remains after `destroy`. reporting: how a command ends after an error.
"""
