"""What people do: the kinds of events, what they hide, and what happened after the fit."""
