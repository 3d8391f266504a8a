"""Trains the built-in detector of hand and object boxes on whole synthetic images."""
