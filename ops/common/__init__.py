"""What every command needs: time limits, progress with signals, waiting for a condition."""
