"""A stack as Pulumi knows it: outputs, state, the CLI, and what an interrupted run left."""
