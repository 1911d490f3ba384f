"""What is asked of the cloud before anything is made: every problem is told at once, and nothing was changed."""
