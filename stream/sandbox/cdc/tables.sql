-- The tables of the demonstration. Each holds some of what a connector writes in a way that is easily misread;
-- `change` is the number of the statement that wrote the row last.

-- Written by the connector "crm", with the settings that docs/cdc.md recommends. Long values are stored out of line
-- (TOAST), so that the log does not hold them unless they change.
CREATE TABLE contacts (
    id bigint PRIMARY KEY,
    change bigint NOT NULL,
    email text NOT NULL,
    tier text,
    balance numeric(12, 2),
    rate numeric,
    born date,
    wakes time(3),
    made timestamp NOT NULL,
    seen timestamptz NOT NULL DEFAULT '1970-01-01 00:00:00+00',
    contract interval,
    plan jsonb,
    tags text[],
    photo bytea,
    biography text
);
ALTER TABLE contacts ALTER COLUMN tags SET STORAGE EXTERNAL;
ALTER TABLE contacts ALTER COLUMN photo SET STORAGE EXTERNAL;
ALTER TABLE contacts ALTER COLUMN biography SET STORAGE EXTERNAL;

-- By the same connector: a key of two columns, and whole rows in the log.
CREATE TABLE seats (
    tenant text,
    seat integer,
    change bigint NOT NULL,
    holder text,
    colour text NOT NULL,
    badge text,
    PRIMARY KEY (tenant, seat)
);
ALTER TABLE seats ALTER COLUMN badge SET STORAGE EXTERNAL;
ALTER TABLE seats REPLICA IDENTITY FULL;

-- By the connector "raw", with nothing but Debezium's defaults: decimals in base64, times as integers, null values
-- after deletes, and a schema in each message that says so.
CREATE TABLE orders (
    number bigint PRIMARY KEY,
    change bigint NOT NULL,
    total numeric(12, 2) NOT NULL,
    rate numeric,
    ordered date NOT NULL,
    due time(6),
    placed timestamp(3),
    packed timestamp(6),
    paid timestamptz,
    is_open boolean NOT NULL,
    weight double precision,
    note text
);

-- By the connector "flat", unwrapped by ExtractNewRecordState.
CREATE TABLE teams (
    id uuid PRIMARY KEY,
    change bigint NOT NULL,
    name text NOT NULL,
    budget numeric(10, 2),
    founded date,
    motto text
);

CREATE PUBLICATION crm FOR TABLE contacts, seats;
CREATE PUBLICATION raw FOR TABLE orders;
CREATE PUBLICATION flat FOR TABLE teams;
