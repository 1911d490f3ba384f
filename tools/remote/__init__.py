"""Texts that are sent to the hosts and run there by Debian 12's python3; nothing is installed."""
