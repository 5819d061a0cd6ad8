"""Zhiyin (知音): a complete, LLM-based, personalised recommender system.

Import names from the file that defines them, for example ``from zhiyin.recommender import Recommender``.
"""

__version__ = "0.1.0"
