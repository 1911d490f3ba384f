"""Drift: what differs on hosts and in the cloud from what the stack deployed, and its repair.

verify: `congress-ha verify`. repair: `congress-ha repair`. cloud: compares the cloud with Pulumi's state. hosts: turns
the answers of hosts into drifts.
"""
