"""`python -m stepped_wedge`: see command.py and the README."""

import sys

from stepped_wedge.command import main

if __name__ == "__main__":
    sys.exit(main())
