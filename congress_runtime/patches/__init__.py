"""What mends upstream's flaws, one a module; README.md lists them."""
