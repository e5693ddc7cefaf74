"""When an asset is made anew, as sentences for decorators.

Dagster decides here when to LOOK. Whether to COMPUTE, the recipe decides (`traces_core.store`); who is
TOLD, the fingerprint of what came out. So a needless look costs milliseconds.
"""

import dagster as dg

_CHANGED = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())

# `eager()` rebuilds although the data is unchanged, and ignores code versions.
WHEN_INPUTS_CHANGE = (
    dg.AutomationCondition.in_latest_time_window()
    & (
        dg.AutomationCondition.newly_missing() | _CHANGED | dg.AutomationCondition.code_version_changed()
    ).since_last_handled()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
).with_label("when inputs change")
