"""Whom calls write to, and when: one function for each mail, a module for each part of the work."""
