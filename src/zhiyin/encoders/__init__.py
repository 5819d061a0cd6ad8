"""Things (texts, images, items, histories) to vectors."""
