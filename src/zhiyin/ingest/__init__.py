"""From files and streams to the event log and the catalogue; what cannot be read is quarantined."""
