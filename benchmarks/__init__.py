"""One script for each claim about speed. ``make bench`` runs them all; ``make bench ARGS=pages`` one."""
