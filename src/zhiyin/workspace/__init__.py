"""A workspace: the folder that holds a store, caches and versions, the jobs on it, and how things leave it."""
