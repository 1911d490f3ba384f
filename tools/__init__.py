"""What an operator runs beside the Pulumi program. Nothing here changes a deployment."""
