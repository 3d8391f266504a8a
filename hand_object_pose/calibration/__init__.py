"""Measuring a person's hand before a camera."""
