"""`python -m reports RUN`: write the page of a run. `compare A B` and `picture RUN` are its other two commands."""

import sys

from reports.cli import main

if __name__ == "__main__":
    sys.exit(main())
