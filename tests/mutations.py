"""What a change of the library remakes: one edit a row, and the artifacts whose recipes it changes.

A recipe changes where the code that made the artifact, or the code of an encoder that it was handed, is
another. What is further down is asked for only if the content above it came out differently.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """One change of source."""

    says: str
    """What changes, for whoever reads the tests as a specification."""
    file: str
    """Below the root of the checkout."""
    old: str
    """Stands there once."""
    new: str
    remakes: frozenset[str] = frozenset()
    """Names of artifacts; of experiments, those of their steps."""


def _names(*some: str) -> frozenset[str]:
    return frozenset(name for one in some for name in one.split())


SCORES = _names("video_scores anomaly_scores video_context_scores context_aware_scores caption_scores")
"""What the numbers are made of."""

OF_BANK = _names("video_scores anomaly_scores")
OF_CONTEXT = _names("video_context_scores context_aware_scores")
DETECTOR = _names("detector_model inbox_scores")
"""What runs a detector whole, or is one."""
PAGES = _names("benchmark_report")
"""What explains moments by bank and fusion, and shows scores as they are."""
TRAINING = _names("adapters context_gate predictor")
CONTEXT_AWARE = _names("context_gate inbox_scores predictor") | OF_CONTEXT
PICTURES = _names("features grids") | DETECTOR
"""What decodes footage and encodes it."""
CODING = _names("ped2_motion ped2_predictor ped2_expectation ped2_scores")
"""Dense predictive coding on Ped2, which makes a coder of ours over pixels."""
PED2 = CODING | _names("ped2_foreground ped2_foreground_scores ped2_results")
"""Every step of it decodes footage."""
CLIP = _names("adapters context_gate trace_embeddings features video_scores") | OF_CONTEXT | DETECTOR
"""What the recipe of says which CLIP it was made with, or that builds one."""
WINDOWS = _names("adapters context_gate predictor grids features")
BANK = _names("trace_index caption_scores context_gate") | OF_BANK | OF_CONTEXT | DETECTOR
EPISODES = _names("alarms context_aware_alarms") | DETECTOR
JUDGED = _names("benchmark_metrics ped2_results")
CAPTIONS = _names("caption_embeddings caption_scores")
ALL_SCORERS = CAPTIONS | OF_BANK | OF_CONTEXT | DETECTOR

CORE = "traces_core"

REACHED = (
    # frames
    Edit(
        "an inverted pixel of a decoded frame",
        f"{CORE}/video/orientation.py",
        "return pixels[:: b + d, :: a + c]",
        "return 255 - pixels[:: b + d, :: a + c]",
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "a picture that is turned the other way",
        f"{CORE}/video/orientation.py",
        "(a, c), (b, d) = orientation_of(picture)",
        "(a, b), (c, d) = orientation_of(picture)",
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "a constant: pictures out of order that are sorted",
        f"{CORE}/video/clock.py",
        "REORDERED = 4",
        "REORDERED = 5",
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "a constant: seconds that count as another recording",
        f"{CORE}/video/clock.py",
        "JOINED_S = 1\n",
        "JOINED_S = 2\n",
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "how late a frame may come for its tick",
        f"{CORE}/video/sampling.py",
        "SLACK_S = Fraction(1, 2000)",
        "SLACK_S = Fraction(1, 1000)",
        PICTURES | PED2,
    ),
    Edit(
        "which frames a window holds",
        f"{CORE}/video/sampling.py",
        "ends = np.arange(-self._seen % hop, len(values), hop)",
        "ends = np.arange(0, len(values), hop)",
        PICTURES,
    ),
    Edit(
        "where a window's frames are looked up again",
        f"{CORE}/video/sampling.py",
        "back = np.arange(window_frames - 1, -1, -1, dtype=np.int64)",
        "back = np.arange(window_frames, 0, -1, dtype=np.int64)",
        _names("adapters context_gate video_scores anomaly_scores") | OF_CONTEXT | DETECTOR | PAGES,
    ),
    Edit(
        "how many bytes of pixels go together",
        f"{CORE}/video/decode.py",
        "MAX_BATCH_BYTES = 2**27",
        "MAX_BATCH_BYTES = 2**26",
        PICTURES | PED2,
    ),
    Edit(
        "a default argument: how many frames go together",
        f"{CORE}/video/sources.py",
        "batch_size: int = 64",
        "batch_size: int = 32",
        PICTURES,
    ),
    Edit(
        "which bytes of a file are a hole",
        f"{CORE}/video/streams.py",
        "HOLE_BYTES = 4096",
        "HOLE_BYTES = 8192",
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "an entry of the list of containers that label by decoding",
        f"{CORE}/video/open_video.py",
        '_LABELS_BY_DECODING = frozenset({"avi", "asf", "rm"})',
        '_LABELS_BY_DECODING = frozenset({"asf", "rm"})',
        PICTURES | {"videos"} | PED2 | PAGES,
    ),
    Edit(
        "what makes two videos the same",
        f"{CORE}/video/identity.py",
        "return [codec.name, codec.width, codec.height, *pixels]",
        "return [codec.name, *pixels]",
        _names("videos") | PICTURES,
    ),
    # encoders
    Edit(
        "the order of parallel calls",
        f"{CORE}/encoders/parallel_calls.py",
        "future, keep = self._waiting.popleft()",
        "future, keep = self._waiting.pop()",
        PICTURES,
    ),
    Edit(
        "a constant: calls side by side",
        f"{CORE}/encoders/parallel_calls.py",
        "MAX_PARALLEL = 4",
        "MAX_PARALLEL = 8",
        PICTURES,
    ),
    Edit(
        "how arrays are written row by row",
        f"{CORE}/store/array_writer.py",
        "self._files[name].write(np.ascontiguousarray(rows).tobytes())",
        "self._files[name].write(np.ascontiguousarray(rows[::-1]).tobytes())",
        PICTURES,
    ),
    Edit(
        "an entry of the table of types that arrays are written as",
        f"{CORE}/store/array_writer.py",
        '"float16": "F16"',
        '"float16": "BF16"',
        PICTURES,
    ),
    Edit(
        "which file of a folder holds CLIP's weights",
        f"{CORE}/encoders/clip_source.py",
        '    "open_clip_model.safetensors",\n    "open_clip_pytorch_model.safetensors",',
        '    "open_clip_pytorch_model.safetensors",\n    "open_clip_model.safetensors",',
        CLIP,
    ),
    Edit(
        "with which activation published weights are run",
        f"{CORE}/encoders/clip_source.py",
        'bool(published.get("quick_gelu", False))',
        "False",
        CLIP,
    ),
    Edit(
        "how a picture is scaled to what an encoder takes",
        f"{CORE}/encoders/pixels.py",
        "scale = 1.0 / (255.0 * torch.tensor(self.std, device=frames.device))",
        "scale = 1.0 / (256.0 * torch.tensor(self.std, device=frames.device))",
        CLIP | _names("grids predictor"),
    ),
    Edit(
        "a default of a class: the kind of interpolation",
        f"{CORE}/encoders/pixels.py",
        'interpolation: str = "bicubic"',
        'interpolation: str = "bilinear"',
        CLIP | _names("grids predictor"),
    ),
    Edit(
        "the weight of green in luminance",
        f"{CORE}/encoders/motion.py",
        "_LUMA = (0.299, 0.587, 0.114)",
        "_LUMA = (0.299, 0.588, 0.114)",
        WINDOWS | CODING | _names("detector_model"),
    ),
    Edit(
        "an entry of the registry of channels",
        f"{CORE}/encoders/motion.py",
        '"slow_change": lambda _, luminance: 4.0 * _since(luminance, 4)',
        '"slow_change": lambda _, luminance: 4.0 * _since(luminance, 5)',
        WINDOWS | CODING | _names("detector_model"),
    ),
    Edit(
        "windows that an encoder is handed at once, a module constant as a default argument",
        f"{CORE}/encoders/seeing.py",
        "WINDOW_BATCH = 4",
        "WINDOW_BATCH = 8",
        PICTURES,
    ),
    Edit(
        "how patient a hub is waited for",
        f"{CORE}/encoders/torch_compat.py",
        "HUB_TIMEOUT_S = 3.0",
        "HUB_TIMEOUT_S = 4.0",
        CLIP | _names("grids predictor"),
    ),
    # types and tables
    Edit(
        "how tracks are cut",
        f"{CORE}/types.py",
        "rows = slice(*np.searchsorted(self.times_s, [start_s, end_s]))",
        'rows = slice(*np.searchsorted(self.times_s, [start_s, end_s], side="right"))',
        _names("alarms benchmark_metrics context_aware_alarms context_aware_thresholds thresholds")
        | OF_BANK
        | OF_CONTEXT
        | DETECTOR
        | _names("ped2_results real_rows")
        | PAGES,
    ),
    Edit(
        "a default of a field: whether a track is causal",
        f"{CORE}/types.py",
        "causal: bool = True",
        "causal: bool = False",
        _names("alarms benchmark_metrics context_aware_alarms context_aware_thresholds thresholds")
        | OF_BANK
        | OF_CONTEXT
        | DETECTOR
        | _names("ped2_results real_rows")
        | PAGES,
    ),
    Edit(
        "what an episode says when it has no label",
        f"{CORE}/types.py",
        "    label: str | None = None\n",
        '    label: str | None = "unknown"\n',
        EPISODES | PAGES | JUDGED,
    ),
    Edit(
        "how a table of annotations is read",
        f"{CORE}/datasets/table.py",
        "def read_annotations(",
        "def read_annotations(_unused=None, *, anew=True):\n    return None\n\n\ndef _read_annotations(",
        _names("annotations patch_grids") | TRAINING,
    ),
    # text
    Edit(
        "which side stands first",
        f"{CORE}/text/catalog.py",
        'SIDES: tuple[Side, ...] = ("normal", "anomalous")',
        'SIDES: tuple[Side, ...] = ("anomalous", "normal")',
        BANK | PAGES | _names("real_rows"),
    ),
    Edit(
        "the scene sentence of any place",
        f"{CORE}/text/scenes.py",
        'GENERIC = "A place seen by a fixed camera."',
        'GENERIC = "A place."',
        _names("trace_corpus caption_scores") | _names("real_rows"),
    ),
    Edit(
        "the order of the writer that is no model",
        f"{CORE}/text/writers/shipped.py",
        "for text in context.normal:",
        "for text in sorted(context.normal):",
        _names("trace_corpus caption_scores") | _names("real_rows"),
    ),
    Edit(
        "how the corpus is ordered",
        f"{CORE}/text/corpus.py",
        'ORDER = ("context", "side", "class", "text")',
        'ORDER = ("side", "context", "class", "text")',
        _names("trace_corpus trace_index caption_scores") | _names("real_rows"),
    ),
    Edit(
        "of two equal traces, which one stays",
        f"{CORE}/text/duplicates.py",
        'BY_HAND = "shipped"',
        'BY_HAND = "written"',
        _names("trace_embeddings caption_scores") | _names("real_rows"),
    ),
    Edit(
        "a gate that stops captions from being judged",
        f"{CORE}/text/gates.py",
        "_ONE_SAMPLE = 60",
        "_ONE_SAMPLE = 30",
        _names("caption_scores"),
    ),
    Edit(
        "where a caption is cut into sentences",
        f"{CORE}/captions/sentences.py",
        r'_LETTER = re.compile(r"[^\W\d_]")',
        r'_LETTER = re.compile(r"[^\W_]")',
        _names("caption_embeddings") | _names("real_rows real_sentences"),
    ),
    Edit(
        "how much a caption's past weighs",
        f"{CORE}/captions/trailing.py",
        "averaged: Floats = np.mean(means, axis=0)",
        "averaged: Floats = np.median(means, axis=0)",
        _names("caption_scores") | _names("real_rows"),
    ),
    # bank and scorers
    Edit(
        "bits of a code in the index",
        f"{CORE}/bank/index.py",
        "CODE_BITS = 4",
        "CODE_BITS = 8",
        BANK | _names("real_rows") | PAGES,
    ),
    Edit(
        "in which order a bank lies",
        f"{CORE}/bank/layout.py",
        'ORDER = ("side", "context", "class", "trace_id")',
        'ORDER = ("side", "class", "context", "trace_id")',
        BANK | _names("real_rows") | PAGES,
    ),
    Edit(
        "a formula that scores are made by",
        f"{CORE}/scoring/neighbours.py",
        "class SoftVote(ScorerSettings):",
        "class SoftVote(ScorerSettings):\n    doubled = True\n",
        _names("caption_scores") | _names("real_rows"),
    ),
    Edit(
        "what the settings choose, in a property of theirs",
        f"{CORE}/scoring/choice.py",
        "return Difference(k=self.k)",
        "return Difference(k=self.k + 1)",
        _names("caption_scores real_rows") | OF_BANK | DETECTOR,
    ),
    Edit(
        "a class attribute of all scorers",
        f"{CORE}/scoring/base.py",
        "is_learned: ClassVar[bool] = False",
        "is_learned: ClassVar[bool] = True",
        _names("caption_scores real_rows") | OF_BANK | DETECTOR,
    ),
    Edit(
        "how the nearest traces of a moment are explained",
        f"{CORE}/scoring/explanation.py",
        "def explain(",
        "def explain(*_):\n    return None\n\n\ndef _explain(",
        _names("inbox_scores") | PAGES,
    ),
    # fusion
    Edit(
        "how a new layer begins, in what adapters are made of",
        f"{CORE}/fusion/adapters.py",
        "nn.init.zeros_(layer.bias)",
        "nn.init.ones_(layer.bias)",
        _names("adapters context_gate predictor") | OF_BANK | OF_CONTEXT | DETECTOR | PAGES,
    ),
    Edit(
        "how a fusion is written",
        f"{CORE}/fusion/saved.py",
        "def save_fusion(",
        "def save_fusion(*_):\n    return None\n\n\ndef _save_fusion(",
        _names("adapters"),
    ),
    Edit(
        "how a fusion is read",
        f"{CORE}/fusion/saved.py",
        "def load_fusion(",
        "def load_fusion(*_):\n    return None\n\n\ndef _load_fusion(",
        OF_BANK | DETECTOR | PAGES,
    ),
    Edit(
        "the share of training that warms up",
        f"{CORE}/fusion/training_loop.py",
        "WARM_UP_SHARE = 0.05",
        "WARM_UP_SHARE = 0.1",
        TRAINING | _names("ped2_predictor"),
    ),
    Edit(
        "the length that a gradient is cut to",
        f"{CORE}/fusion/training_loop.py",
        "CLIP_NORM = 1.0",
        "CLIP_NORM = 2.0",
        TRAINING | _names("ped2_predictor"),
    ),
    # the Context-Aware system
    Edit(
        "which predictive coder settings make",
        f"{CORE}/context_aware/predictive/coder.py",
        "        reach=settings.reach,",
        "        reach=0,",
        CONTEXT_AWARE | CODING,
    ),
    Edit(
        "what a predictive coder sees of a block",
        f"{CORE}/context_aware/predictive/coder.py",
        "after: Tensor = self.aggregate(embedded.relu(), state)",
        "after: Tensor = self.aggregate(embedded, state)",
        CONTEXT_AWARE | CODING,
    ),
    Edit(
        "an entry of the registry of gates",
        f"{CORE}/context_aware/gate.py",
        '"film": FilmGate',
        '"film": NoGate',
        CONTEXT_AWARE,
    ),
    Edit(
        "how many places of a map surprise",
        f"{CORE}/context_aware/predictive/surprise.py",
        "count = max(1, round(top_share * places.shape[-1]))",
        "count = max(2, round(top_share * places.shape[-1]))",
        OF_CONTEXT | _names("inbox_scores ped2_scores ped2_results"),
    ),
    # streams, thresholds, episodes
    Edit(
        "how widely a stream's normal scores spread",
        f"{CORE}/streams/late.py",
        "_MAD_TO_SIGMA = 1.4826",
        "_MAD_TO_SIGMA = 1.5",
        _names("alarms thresholds benchmark_metrics") | DETECTOR | PAGES,
    ),
    Edit(
        "the tail that p-values are extrapolated from",
        f"{CORE}/streams/pvalues.py",
        "TAIL = 0.1",
        "TAIL = 0.2",
        _names("context_aware_alarms context_aware_thresholds inbox_scores"),
    ),
    Edit(
        "a row of the table of streams",
        f"{CORE}/streams/table.py",
        '"what the action head calls each window", ("labels",), action.start)',
        '"what the action head calls each window", ("labels",), action.start, None)',
        _names("alarms benchmark_metrics context_aware_alarms context_aware_thresholds thresholds")
        | OF_BANK
        | DETECTOR
        | PAGES,
    ),
    Edit(
        "how close to a threshold is on it",
        f"{CORE}/streams/thresholds.py",
        "SLACK = 1e-9",
        "SLACK = 1e-8",
        _names("thresholds context_aware_thresholds"),
    ),
    Edit(
        "when an episode is over",
        f"{CORE}/streams/episodes.py",
        "self._end_s = max(start_s, self._now_s)",
        "self._end_s = self._now_s",
        EPISODES | JUDGED,
    ),
    Edit(
        "whether a score on the threshold is above it",
        f"{CORE}/streams/episodes.py",
        "return scores > on\n",
        "return scores >= on\n",
        _names("alarms benchmark_metrics context_aware_alarms context_aware_thresholds thresholds")
        | DETECTOR
        | _names("ped2_results"),
    ),
    # numbers and pages
    Edit(
        "levels of a ranking that intervals are drawn from",
        f"{CORE}/metrics/bootstrap.py",
        "MOST_LEVELS = 4000",
        "MOST_LEVELS = 8000",
        _names("benchmark_metrics ped2_results"),
    ),
    Edit(
        "an entry of the registry of baselines",
        f"{CORE}/metrics/baselines.py",
        "return -durations[frames.video_of]",
        "return durations[frames.video_of]",
        _names("benchmark_metrics ped2_results"),
    ),
    # foreground, of an experiment
    Edit(
        "the share of a foreground network that is dropped",
        f"{CORE}/foreground/network.py",
        "DROPPED = 0.2",
        "DROPPED = 0.3",
        _names("ped2_foreground ped2_foreground_scores"),
    ),
    Edit(
        "what importing a module does: threads of OpenCV",
        f"{CORE}/foreground/flow.py",
        "cv2.setNumThreads(1)",
        "cv2.setNumThreads(2)",
        _names("ped2_foreground ped2_foreground_scores ped2_motion"),
    ),
    # what a name stands for
    Edit(
        "an import: the same name for something else of a library",
        f"{CORE}/fusion/objective.py",
        "from torch.nn import functional as F",
        "from torch import nn as F",
        TRAINING,
    ),
    Edit(
        "a re-export: the same names for each other's formulas",
        f"{CORE}/scoring/__init__.py",
        "import Difference, SoftVote",
        "import Difference as SoftVote, SoftVote as Difference",
        OF_BANK | DETECTOR | _names("caption_scores real_rows"),
    ),
    Edit(
        "what an error about a video says",
        f"{CORE}/errors.py",
        'super().__init__(f"{path}: {problem}. {do}")',
        'super().__init__(f"{path}: {problem}; {do}")',
        _names("video_features patch_grids videos") | PICTURES | PED2 | PAGES,
    ),
)
"""Every recipe that changes, and no other."""

BESIDE_SCORES = (
    Edit(
        "a note under a result table",
        f"{CORE}/report/benchmark.py",
        "Baselines: what an oracle, or a guess that sees no picture, would score.",
        "Baselines.",
        _names("benchmark_report results"),
    ),
    Edit(
        "the colours of plots",
        f"{CORE}/report/plots.py",
        '"#7a5ea8"',
        '"#7a5ea9"',
        _names("benchmark_report results"),
    ),
    Edit(
        "how an undefined number is written",
        f"{CORE}/report/formatting.py",
        'UNDEFINED = "–"',
        'UNDEFINED = "-"',
        _names("benchmark_report inbox_scores results"),
    ),
    Edit(
        "points of a curve on a page",
        f"{CORE}/report/strips.py",
        "_MOST_POINTS = 1600",
        "_MOST_POINTS = 800",
        _names("inbox_scores") | PAGES,
    ),
    Edit(
        "the table of a terminal",
        f"{CORE}/report/terminal.py",
        "_COLUMNS: _Columns = (",
        "_COLUMNS: _Columns = (*(), ",
    ),
    Edit(
        "rows of a coverage table that are written out",
        f"{CORE}/report/coverage.py",
        "_WRITTEN = 14",
        "_WRITTEN = 15",
    ),
    Edit(
        "what a class of traces covers: shown beside the bank, kept nowhere",
        f"{CORE}/text/coverage.py",
        "to_normal = float(inside.mean(axis=0) @ normal.mean(axis=0))",
        "to_normal = 0.0",
    ),
    Edit(
        "the help of the command line",
        f"{CORE}/commands/main.py",
        "Find in video what must not happen, by comparing it with sentences.",
        "Find in video what must not happen.",
    ),
    Edit(
        "what the doctor asks for",
        f"{CORE}/commands/doctor.py",
        "LEAST_FREE_GIB = 2.0",
        "LEAST_FREE_GIB = 4.0",
    ),
    Edit(
        "a command's way of failing",
        f"{CORE}/commands/consoles.py",
        "raise typer.Exit(1)",
        "raise typer.Exit(3)",
    ),
    Edit(
        "the skins of the practice world",
        f"{CORE}/practice/paints.py",
        "_SKINS = ((0.07, 0.32, 0.92),",
        "_SKINS = ((0.08, 0.32, 0.92),",
        _names("practice_footage"),
    ),
    Edit(
        "where the practice world's seeds begin",
        f"{CORE}/practice/world.py",
        "FIRST_SEED = 1_000_000_000",
        "FIRST_SEED = 2_000_000_000",
        _names("practice_footage"),
    ),
    Edit(
        "a default argument of the practice world",
        f"{CORE}/practice/world.py",
        "captions_per_event: int = 4",
        "captions_per_event: int = 3",
        _names("practice_footage"),
    ),
    Edit(
        "how clips are compressed that we write",
        f"{CORE}/video/writing.py",
        "crf: int = 23",
        "crf: int = 24",
        _names("practice_footage"),
    ),
    Edit(
        "which places the practice world knows",
        f"{CORE}/practice/kinds.py",
        'LIGHTS: tuple[str, ...] = ("day", "dusk", "night")',
        'LIGHTS: tuple[str, ...] = ("day", "night")',
        _names("practice_footage"),
    ),
    Edit(
        "a stream that looks ahead",
        f"{CORE}/streams/offline.py",
        "_REACH = 4.0",
        "_REACH = 5.0",
    ),
    Edit(
        "a data set that nobody has here",
        f"{CORE}/datasets/xd_violence.py",
        "XD_RATE = Fraction(24)",
        "XD_RATE = Fraction(25)",
    ),
    Edit(
        "another data set",
        f"{CORE}/datasets/xd_violence.py",
        "XD_RATE = Fraction(24)",
        "XD_RATE = Fraction(30)",
    ),
    Edit(
        "when the inbox gives a file up",
        f"{CORE}/detector/inbox.py",
        "PATIENCE_S = 600.0",
        "PATIENCE_S = 60.0",
    ),
    Edit(
        "how a bank's recall is judged",
        f"{CORE}/bank/settings.py",
        "Recall against exact search the gate asks.",
        "Recall.",
    ),
    Edit(
        "what a setting says to people",
        f"{CORE}/fusion/settings.py",
        "Peak learning rate of AdamW.",
        "Learning rate.",
    ),
    Edit(
        "a comment",
        f"{CORE}/encoders/pixels.py",
        "# uint8 in, uint8 out: rounds between the two passes as Pillow does.",
        "# as Pillow does",
    ),
    Edit(
        "a docstring",
        f"{CORE}/streams/late.py",
        "Late fusion: each stream on its own scale, learned from normal footage, then their mean.",
        "Late fusion.",
    ),
    Edit(
        "layout",
        f"{CORE}/streams/thresholds.py",
        "return int(duration_s / block_s + 0.01)",
        "return int(\n        duration_s / block_s\n        + 0.01\n    )",
    ),
    Edit(
        "what a moment without a score counts as",
        f"{CORE}/metrics/frame.py",
        "return np.where(known, held, -np.inf)",
        "return held",
        _names("benchmark_metrics ped2_results"),
    ),
    Edit(
        "from how many normal scores p-values are learned",
        f"{CORE}/streams/pvalues.py",
        "ENOUGH = 20",
        "ENOUGH = 30",
        _names("context_aware_alarms context_aware_thresholds inbox_scores"),
    ),
    Edit(
        "how a person edits the catalog",
        f"{CORE}/text/editing.py",
        'return quoted[1:-1] if in_brackets else quoted.removeprefix("- ")',
        "return quoted[1:-1] if in_brackets else quoted",
    ),
    Edit(
        "the markdown of results",
        f"{CORE}/report/markdown.py",
        '_MEANING = """\\\n',
        '_MEANING = """\\\nHere: ',
    ),
    Edit(
        "what a language model is asked",
        f"{CORE}/text/writers/settings.py",
        "Times a normal sentence goes back before it is dropped (count).",
        "Times.",
    ),
)
"""Changes that make no score again."""

RELEASES = {
    "cv2": _names("ped2_foreground ped2_foreground_scores ped2_motion"),
    "av": PICTURES | PAGES | {"videos", "practice_footage"} | PED2,
    "faiss": BANK | PAGES | _names("real_rows"),
    "transformers": WINDOWS | _names("detector_model"),
    "open_clip": CLIP,
    "matplotlib": _names("benchmark_report results"),
    "jinja2": _names("benchmark_report inbox_scores results"),
    "diskcache": _names(),
    "rich": _names(),
}
"""By library: what another release of it remakes."""
