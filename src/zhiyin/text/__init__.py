"""Text as such: what any text says, whatever it is about."""
