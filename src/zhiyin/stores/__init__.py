"""Adapters of the ports: memory, SQL (SQLite and PostgreSQL, one schema), vector indexes."""
