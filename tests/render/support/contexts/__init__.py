"""What the components pass to the templates of each role, for the cases in which templates are validated."""
