"""Packs: what belongs to a domain and not to the package, as data."""
