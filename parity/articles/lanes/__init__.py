"""The articles' systems, as they train them, watched; the only files of it with a framework."""
