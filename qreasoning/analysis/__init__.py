"""Comparing the models' chains with the human chains, and the report of it."""
