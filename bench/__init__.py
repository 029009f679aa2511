"""`make bench`: how fast the service is and what it costs, beside a floor and two rivals, on this machine.

The floor and the rivals are programs of their own, which import nothing of this package but `task`.
"""
