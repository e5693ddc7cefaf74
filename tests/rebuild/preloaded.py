"""Imported by the process that workers are forked from: everything a run needs, once."""

from rebuild.workers import preload

preload()
