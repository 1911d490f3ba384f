"""What runs beside Congress on its hosts, in its virtual environment."""
