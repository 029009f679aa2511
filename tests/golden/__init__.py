"""Change events as connectors write them, each with the result that it must have.

`<name>.jsonl` holds messages, `<name>.toml` the mapping, `<name>.expected.jsonl` what `cxone-stream try --json` says of
them. The files `postgres-*` and `unwrapped*` were recorded from Debezium 3.7.0.Final on PostgreSQL 15, with the
connector settings that their names tell; texts above 8 KB were shortened, the connector's own headers left out. Those
of MySQL, SQL Server and the others follow the connectors' documented forms.

`python -m tests.golden` writes the expectations and the guide's generated parts anew: look at every difference.
"""
