"""`cxone-stream demo`: a real Kafka, the stand-in, the service, and the proof that every figure adds up."""

from __future__ import annotations

from .script import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
