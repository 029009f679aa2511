"""Seeded runs of the whole core on a virtual clock: the real loop, a fake Kafka, a fake API, and random misfortune.

`world` keeps time; `plan`, `workload` and `trouble` draw what a seed means; `run` plays it, `crew` plays many.
The world outside: `kafka` and `group`; `api`, with what it keeps (`records`), how it answers (`nature`) and what
befalls it (`weather`). One instance: `service` is one life of it, `source` (with `reader`), `sink`, `pool` its ports.
The judge, by contract section 4, knows nothing of the code that it judges: `model` for order and offsets, `truth` for
what outcomes say (by `history`), `thrift` for what isolation may cost, `restraint` for what is down, `merging` for
what goes together, `ending` for all.
`bugs` shows that it can condemn: what is planted stands in `misdeeds`, `misfits`, `mergers` and `misreadings`.
"""
