"""Frozen tables: vocabulary-coded interactions, splits of them, readers of known file formats."""
