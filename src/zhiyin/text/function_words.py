"""Words that hold sentences together, of which descriptions have few and sentences many."""

from __future__ import annotations

import re

FUNCTION_WORDS = frozenset(
    (
        "a", "an", "the", "this", "that", "these", "those", "and", "or", "but", "nor", "so", "if", "then", "than", "as",
        "of", "at", "by", "for", "from", "in", "into", "on", "onto", "to", "with", "about", "over", "under", "is",
        "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "has", "have", "had", "can", "could",
        "will", "would", "shall", "should", "may", "might", "must", "it", "its", "i", "me", "my", "we", "us", "our",
        "you", "your", "he", "him", "his", "she", "her", "they", "them", "their", "who", "whom", "whose", "which",
        "what", "when", "where", "why", "how", "there", "here", "not", "no", "some", "any", "all", "both", "each",
    )
)  # fmt: skip
"""Words that hold a sentence together and say nothing of what it is about."""

PARTICLES = re.compile("[的了吗呢吧着之]")
"""Their like in Chinese, as signs."""
