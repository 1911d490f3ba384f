"""What Congress's own Python runs: its parser, its drivers' schemas and its evaluator, with this project's patches."""
