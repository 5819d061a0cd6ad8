"""Real data sets that ship with Zhiyin; NOTICE.md names their sources and licences."""
