"""Explainers: reasons that cite evidence, and the sentences that say them."""
