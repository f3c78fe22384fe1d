"""``python -m millrace`` is the command ``millrace``."""

import sys

from millrace.cli import main

if __name__ == "__main__":
    sys.exit(main())
