"""Replay: live through the newest part of a log with the engine that serves, asking before each wanted event."""
