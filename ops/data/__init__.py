"""Backup and restore of Congress's database.

backup: `congress-ha backup`. restore: `congress-ha restore`. archive: the backup file. database: Congress's database on
its host. dump: what the text of a dump tells, and the result of a trial load. services: stops and starts what writes.
"""
