"""How the loops of each framework are watched; the only files of it that import one."""

# What the oracle has and a watch cannot judge.
APART = {"adafactor": "Adafactor works on whole tensors, and a watch records elements of them"}


def judged_as(rule: str | None, optimizer: object) -> tuple[str | None, str]:
    """Return the oracle's name for an optimizer, or none and why it is not judged."""
    if rule is None:
        return None, f"the oracle has no {type(optimizer).__name__}"
    return (None, APART[rule]) if rule in APART else (rule, "")
