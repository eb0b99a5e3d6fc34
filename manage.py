#!/usr/bin/env python
"""Django's command line for the portal."""

import os
import signal
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wwcsc.settings")
    if sys.argv[1:2] == ["demo"]:
        # Until the supervisor listens nothing has been started, and an exception would now and then be lost in an import.
        signal.signal(signal.SIGINT, lambda *signalled: os._exit(130))
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:  # Ctrl-C while everything is still being read: no page of traces for that
        sys.exit(130)
    except ModuleNotFoundError as missing:
        if missing.name != "django":
            raise
        sys.exit("Django is not here. “make environment” installs it; then: .venv/bin/python manage.py ...")
