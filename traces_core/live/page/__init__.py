"""The page: what the ledger holds, to be looked at, marked and tried by people.

    guard ── who may ask ──> site ── settings, ledger, templates
                              ├─ wall       all cameras, and the events that refresh it
                              ├─ alarms     list, one alarm, its marks
                              ├─ cameras    seven days of one camera, another threshold, erasure
                              ├─ silence    why no alarm was raised at a time
                              ├─ files      clips and frames
                              └─ machines   health and metrics, for programs

No build step, and no script of others but one vendored file (htmx, Zero-Clause BSD). It reads without
JavaScript. What a number means belongs in `traces_core.live.ledger`; nothing is scored here.
"""

from traces_core.live.page.app import page

__all__ = ["page"]
