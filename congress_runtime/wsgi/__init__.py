"""What api-paste.ini names of ours: the health check."""
