"""Backups of Congress's database and how one is restored."""
