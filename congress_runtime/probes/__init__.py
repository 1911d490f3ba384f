"""Programs that check a part of the deployment from one of its Congress hosts."""
