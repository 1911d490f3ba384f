"""Checks of the cloud and of the state before anything is created. All problems are reported together."""
