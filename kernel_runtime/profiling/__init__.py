"""Counters, rates and traces of a graph's endpoints."""
