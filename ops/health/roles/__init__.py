"""The health of each role: one class, which the table of roles names."""
