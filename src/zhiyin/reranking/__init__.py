"""Rerankers: from ranked candidates to positions, kept and in order, with a why for each one dropped."""
