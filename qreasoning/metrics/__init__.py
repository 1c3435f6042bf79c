"""Metrics: functions of their arguments that read and write nothing."""
