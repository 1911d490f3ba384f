"""What differs from what the stack put on hosts and in the cloud, and what puts it right."""
