"""The Context-Aware system: video and text meet where the scene says what is normal, and prediction errs.

    frames, tokens ──────────────────┐
    grids ── predictive coder ─ state ┼─ head ──> video ─┐
                        └─ surprise   │                  ├─> alignment ─┐
    traces ───────── gate <── scene ──┘────────> text ───┘              ├─ p-values ─> context_aware
                        surprise ───────────────────────────────────────┘

    settings   what can be chosen             scene     the place, seen so far; and the controls for it
    gate       the scene changes the text     model     head, coder and gate as one module
    corpus     normal footage to learn from   training  InfoNCE and CPC together
    scoring    the two streams of a video     pvalues   how unusual a score is on normal footage
    grids      patch tokens of a video        saved     the model as a file
    views      what was seen, block by block  state     where a training stands

Arrays and tensors only. Which footage is used, and what is kept, belongs in `traces_core.steps`. Source:
arXiv 2508.18463; what differs from it, and why, is in docs/decisions/0021.
"""
