"""`python -m tycokit`: the command line."""

import sys

from tycokit.cli import main

sys.exit(main())
