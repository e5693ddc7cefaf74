"""The steps of the graph as plain functions: each takes a project and artifacts, and gives an artifact.

A module for each chapter of `assets`, under the same name. The Dagster assets call these and add what Dagster
wants to know; the ablations call the same steps with other settings. Arithmetic is not here: it is in the
modules that the steps call.

    wiring         the steps by the artifacts that their parameters are named after
    regeneration   another bank, made by all of the steps and judged before it is used
"""
