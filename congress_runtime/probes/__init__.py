"""Questions about a node, asked on its host: python -m congress_runtime.probes.NAME."""
