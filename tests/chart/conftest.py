"""Each set of values, rendered once."""

from __future__ import annotations

import pytest

from .rendering import NAMES, Document, documents, rendered


@pytest.fixture(scope="session")
def charts() -> dict[str, list[Document]]:
    """Return the objects of each set of values."""
    return {name: documents(rendered(name)) for name in NAMES}
