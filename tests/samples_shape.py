"""Samples of views, joins and creation."""

from __future__ import annotations

from sampling import Sample

SAMPLES: dict[str, list[Sample]] = {}
