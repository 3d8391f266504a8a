"""Estimates of successive images made steady: filters, twist and prediction."""
