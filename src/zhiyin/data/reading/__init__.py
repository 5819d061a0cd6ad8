"""The one reader of files: any layout in, clean tables with line numbers out, and every refused row with its reason."""
