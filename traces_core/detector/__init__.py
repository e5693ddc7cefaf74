"""The detector: frames from a source go in; scores, episodes and explanations come out.

    pipeline      the push pipeline: evidence in, scores and episode events out
    sinks         where episodes go as they open, grow and close: a table, a page
    detector      `Detector`: encoders, bank, scales and thresholds in one object
    loading       bank, fusion and models, as the graph made them
    context       the Context-Aware system as a part of it
    explanation   why one moment has its score: the frame, where the model looked, the nearest traces
    page          the page of one video
    saved         the detector as a folder of its own
    inbox         a folder that videos are dropped into

It uses what the graph made and makes none of it. Where frames come from is in `traces_core.video.sources`,
what the encoders see in `traces_core.encoders.features`, what a score is in `traces_core.streams`.
"""
