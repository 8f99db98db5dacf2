"""How the loops of each framework are watched; the only files of it that import one."""
