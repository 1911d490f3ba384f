"""Policies and datasources as code: a folder of files, read and checked before anything is deployed.

`folder.read` gives what the files declare, with all problems; docs/policies.md is the manual of the files.
Congress's Python, which has none of our libraries, imports this package for `in_congress`: import nothing here.
"""
