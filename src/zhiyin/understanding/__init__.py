"""What people say and do, understood: topics in texts, interests behind events, and what to answer."""
