"""The tables of the SQL store, the same in SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

VERSION = 2
"""Of the schema; kept in the notes and checked when a store is opened. An older one is migrated, see migrations.py."""

metadata = sa.MetaData()

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = sa.Table(
    "events",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("item_id", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("timestamp", sa.Double, nullable=False),
    sa.Column("value", sa.Double),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("position", sa.BigInteger),
    sa.Column("propensity", sa.Double),
    # Ids are their user's own: what somebody else called their purchase costs nobody theirs.
    sa.UniqueConstraint("user_id", "event_id", name="events_once"),
    sa.Index("events_of_user", "user_id", "timestamp"),
    sqlite_autoincrement=True,
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("item_id", sa.Text, nullable=False, unique=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("attributes", sa.Text, nullable=False),
    sa.Column("images", sa.Text, nullable=False),
    sa.Column("available_from", sa.Double),
    sa.Column("available_until", sa.Double),
    sa.Column("hidden", sa.Boolean, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

profiles = sa.Table(
    "profiles",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True),
    sa.Column("updated", sa.Double, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("started", sa.Double, nullable=False),
    sa.Column("finished", sa.Double),
    sa.Column("lifted", sa.Boolean, nullable=False),
    sa.Column("found", sa.Text, nullable=False),
    sa.Index("erasures_of", "who"),
    sqlite_autoincrement=True,
)
"""The journal of erasures. subject: the id while the job runs, "" afterwards; who: its keyed hash, for ever."""
