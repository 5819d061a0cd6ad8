"""Languages: what the system says, a table of messages per language; code passes keys and values."""
