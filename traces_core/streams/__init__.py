"""Streams: scores over time, from what the encoders saw to the episodes an operator is called for.

    table         every stream, one row each: name, evidence, title, how it is scored
    appearance, fused, action    one stream a file, each scored against the trace bank
    scorer        the bank, the fusion and the labels that these streams ask
    late          several streams as one: the mean of their z-scores on normal footage
    pvalues       several streams as one: the least p-value on normal footage
    joining       what both fusions do: the last scores of each stream, at the times of all
    thresholds    when a stream raises an alarm, from normal footage alone
    episodes      the ONE rule that turns scores into episodes, and their one schema
    offline       what looks ahead, for comparison only

Each stage takes what is new and gives what is new (`push`), forgets at a gap (`gap`) and ends (`close`).
Formulas over neighbours are in `traces_core.scoring`, the whole pipeline in `traces_core.detector`.
"""
