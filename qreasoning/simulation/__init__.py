"""Simulation: graded pictures, people who judge them, and a model small enough for a laptop.

Nothing here is a human judgement or a trained model of any use. It lets the whole tool be run and
tested without annotators, downloads or a GPU; whatever it makes carries `simulated` in its name.
"""
