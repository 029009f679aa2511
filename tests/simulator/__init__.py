"""Seeded runs of the whole core on a virtual clock: the real loop, a fake Kafka, a fake API, and random misfortune.

`world` keeps time, `plan` draws what a seed means, `run` plays it, `model` judges it by contract section 4, knowing
nothing of the code that it judges. `kafka`, `group` and `api` are the world outside; `source`, `sink` and `pool` are
one instance's three ports to it; `service` is one life of an instance; `bugs` shows that the judge can condemn.
"""
