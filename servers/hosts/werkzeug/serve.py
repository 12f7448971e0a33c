"""Werkzeug's development server, with threads, without debugger, reloader and request log."""

import logging
import sys

from werkzeug.serving import run_simple

sys.path.insert(0, "")  # the app is in the working folder
from app import app

if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    run_simple(sys.argv[1], int(sys.argv[2]), app, threaded=True)
