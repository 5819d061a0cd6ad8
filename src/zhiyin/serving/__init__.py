"""The HTTP service and the page: the only async code."""
