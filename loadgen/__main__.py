"""`python -m loadgen URL`: see `python -m loadgen --help`."""

import sys

from loadgen.cli import main

sys.exit(main(sys.argv[1:]))
