"""Samples of indexed reads and writes."""

from __future__ import annotations

from sampling import Sample

SAMPLES: dict[str, list[Sample]] = {}
