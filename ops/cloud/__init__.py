"""Requests to OpenStack.

servers: reads a stack's servers, and deletes one. isolation: removes a host from its security groups, and readmits it.
hard_reboot: a reboot that is certain to end the old guest.
"""
