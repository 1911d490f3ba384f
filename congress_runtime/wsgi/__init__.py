"""Our WSGI application, which api-paste.ini names: the health check."""
