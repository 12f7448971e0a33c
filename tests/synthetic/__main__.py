"""Writes a run that nobody measured: see the package."""

import sys

from tests.synthetic import main

sys.exit(main())
