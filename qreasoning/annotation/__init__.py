"""Collecting annotations in Label Studio: form, server, synchronisation and the pulled table."""
