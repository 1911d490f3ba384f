"""Our code that runs with Congress on its hosts, installed into Congress's virtual environment."""
