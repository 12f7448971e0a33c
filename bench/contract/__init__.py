"""The contract check: over real connections, before anything is measured.

`check` makes all checks of a running server and returns what came of each; `failed` says which workloads are not to be
measured, and why. Nothing that a server does makes them raise.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.contract.run import TIMEOUT_S, Target, check
from results.schema import Check

__all__ = ["TIMEOUT_S", "Target", "check", "failed"]


def failed(checks: Iterable[Check]) -> dict[str, str]:
    """Workloads with a failed check, and the first of their reasons in one line.

    A failed check of the server as a whole fails every workload that was checked.
    """
    checks = list(checks)
    workloads = [check.workload for check in checks]
    reasons: dict[str, str] = {}
    for each in sorted(checks, key=lambda each: each.workload == "server"):
        if each.verdict == "fail":
            concerned = workloads if each.workload == "server" else [each.workload]
            for workload in concerned:
                if workload != "server":
                    reasons.setdefault(workload, f"{each.name}: {each.got} (expected: {each.expected})")
    return reasons
