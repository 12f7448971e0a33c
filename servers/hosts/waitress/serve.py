"""Waitress with its defaults, without the warning that it logs for each request that waits."""

import logging
import sys

from waitress import serve

sys.path.insert(0, "")  # the app is in the working folder
from app import app

if __name__ == "__main__":
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    serve(app, host=sys.argv[1], port=int(sys.argv[2]))
