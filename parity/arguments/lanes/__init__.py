"""What each framework offers to be audited; the only files of the audit that import one."""
