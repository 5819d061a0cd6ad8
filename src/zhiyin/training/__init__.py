"""How a recommender learns, and how a light one learns from a slow one."""
