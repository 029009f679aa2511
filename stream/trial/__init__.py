"""`cxone-stream try`: what would be sent of the events in a file, or why nothing; no network (contract section 6).

It reads with the service's own intake, schemas and mapping, so what it says is what the service would do.
"""

from __future__ import annotations

from .reading import Reading
from .run import TrialOptions, run_trial
from .wiring import load_trial

__all__ = ["Reading", "TrialOptions", "load_trial", "run_trial"]
