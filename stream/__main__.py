"""Lets `python -m stream` do what the console script `cxone-stream` does."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
