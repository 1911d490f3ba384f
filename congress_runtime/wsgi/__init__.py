"""What api-paste.ini names: the health check, and who may ask what."""
