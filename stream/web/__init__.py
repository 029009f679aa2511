"""What the service shows of itself over HTTP: probes, `/status`, `/metrics` and the page (contract section 5).

`server` bounds what a client may do, `routes` says what is answered, `probes` what is well, `findings` what is wrong
and what to do, `document` how a snapshot is written, `page` is the page. Nothing here can change anything.
"""

from .routes import Routes
from .server import StatusServer
from .told import Exposition, Facts, Told

__all__ = ["Exposition", "Facts", "Routes", "StatusServer", "Told"]
