"""Rankers: from candidates to numbers, one column per predicted action."""
