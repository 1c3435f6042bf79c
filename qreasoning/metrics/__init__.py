"""Metrics: functions of their arguments; only `semantic` reads a model and a cache it is given."""
