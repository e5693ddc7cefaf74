"""The Dagster layer: what exists (`definitions`), what it needs (`resources`), when it moves."""

import os
import warnings

import dagster as dg

from pipelines import dagster_storage  # noqa: F401  before an instance is opened
from traces_core.printing import guard_output

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # a terminal shows what the graph does
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("DVC_NO_ANALYTICS", "1")
# Partition-aware checks are a preview, observable sources a beta: chosen knowingly, said once, here.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)
guard_output()
