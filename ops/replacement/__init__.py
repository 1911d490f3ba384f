"""The replacement of a host's server, and the confirmation that a server is dead.

replace: `congress-ha replace`. procedure: its steps. preconditions: when a host must not be replaced. departure: stops
a host before its server is deleted. saved_data: backup and reload of the database. interrupted_run: the record by
which the command continues an interrupted run. confirm_dead: `congress-ha confirm-dead`.
"""
