"""Builds the prebuilt image of image/recipe.py with diskimage-builder, and uploads it."""
