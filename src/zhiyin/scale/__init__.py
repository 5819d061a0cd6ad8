"""The same jobs on Ray; nothing here re-implements an engine."""
