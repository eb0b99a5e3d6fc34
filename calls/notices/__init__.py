"""Whom calls write to, and when: one function for each mail, a module for each part of the work."""

from calls.notices import announcements

__all__ = ["announcements"]
