"""One ComponentResource per module, named after what a reader of the HA document looks for."""
