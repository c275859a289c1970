# SPDX-License-Identifier: MIT
"""The exit statuses that are tools/trivet's own, and the error that carries one."""

STATUS_TIME_LIMIT = 124
STATUS_WRONG_CALL = 125
STATUS_NOT_STARTED = 126
STATUS_PANIC = 127
STATUS_SIGNAL_BASE = 128


class CallError(Exception):
    """A wrong call, or no engine to serve it: one line for the user, exit status 125."""
