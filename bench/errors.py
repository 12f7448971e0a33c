"""Errors that a person is to read: one line each, no traceback."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right. The message says what is wrong, where, and what to do.

    It may have several lines, one for each thing that is wrong.
    """
