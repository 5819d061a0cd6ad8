"""Honest measurement: protocols, metrics, intervals, reports, tuning."""
