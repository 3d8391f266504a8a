"""Metrics, bag replay, reports."""
