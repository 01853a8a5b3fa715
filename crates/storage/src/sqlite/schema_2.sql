-- The tables that schema 2 added: what some platforms have beside connections (OAuth 1.0, API keys, accounts that apps
-- register), and what was used once. A new store makes them after `schema.sql`; `from_1_to_2.sql` adds them to an old one.

-- Parts of apps and people. They stay with them.
CREATE TABLE app_providers (
    app  INTEGER NOT NULL,
    n    INTEGER NOT NULL,
    name TEXT    NOT NULL,
    PRIMARY KEY (app, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE memberships (
    person   INTEGER NOT NULL,
    customer INTEGER NOT NULL,
    role     INTEGER NOT NULL,
    PRIMARY KEY (person, customer)
) STRICT, WITHOUT ROWID;

-- One row per app that has a logo, of at most 64 KiB. Apart from the apps, which every node reads whole.
CREATE TABLE logos (
    app          INTEGER PRIMARY KEY,
    content_type TEXT    NOT NULL,
    bytes        BLOB    NOT NULL
) STRICT;

-- What may be used once: nonces whose signature was right, sign-in tokens. A row leaves when it would have expired anyway.
CREATE TABLE spent (
    digest     BLOB    PRIMARY KEY, -- sixteen bytes
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_expires ON spent (expires_at);

-- OAuth 1.0 consumers. They stay, as evidence of who migrated.
CREATE TABLE consumers (
    id           INTEGER PRIMARY KEY,
    customer     INTEGER NOT NULL,
    consumer_key TEXT    NOT NULL UNIQUE,
    secret       TEXT    NOT NULL, -- sealed
    last_at      INTEGER           -- the last call ever noted
) STRICT;
CREATE INDEX consumers_customer ON consumers (customer);

-- Tokens of consumers: one row per consent of a person in the three-legged flow, or from a seed. They stay.
CREATE TABLE consumer_tokens (
    digest     BLOB    PRIMARY KEY,
    consumer   INTEGER NOT NULL,
    customer   INTEGER NOT NULL,
    person     INTEGER NOT NULL,
    secret     TEXT    NOT NULL, -- sealed
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Temporary credentials. They leave when they become a token, or some minutes later.
CREATE TABLE temporaries (
    digest         BLOB    PRIMARY KEY,
    consumer       INTEGER NOT NULL,
    secret         TEXT    NOT NULL, -- sealed
    callback       TEXT,
    wants_verifier INTEGER NOT NULL,
    person         INTEGER, -- who allowed them, with the digest of the verifier
    verifier       BLOB,
    expires_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX temporaries_expires ON temporaries (expires_at);

-- One row per app and consumer that it exchanged, for ever.
CREATE TABLE exchanges (
    app        INTEGER NOT NULL,
    consumer   INTEGER NOT NULL,
    family     INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    reopened   INTEGER NOT NULL,
    PRIMARY KEY (app, consumer)
) STRICT, WITHOUT ROWID;
CREATE INDEX exchanges_consumer ON exchanges (consumer);

-- Calls with OAuth 1.0: one row per consumer, day and route of the profile that was called. A row leaves after 400 days.
CREATE TABLE legacy_use (
    consumer INTEGER NOT NULL,
    day      INTEGER NOT NULL, -- since the Unix epoch
    route    TEXT    NOT NULL,
    calls    INTEGER NOT NULL,
    PRIMARY KEY (consumer, day, route)
) STRICT, WITHOUT ROWID;
CREATE INDEX legacy_use_day ON legacy_use (day);

-- API keys, by their digest. They stay.
CREATE TABLE api_keys (
    id       INTEGER PRIMARY KEY,
    digest   BLOB    NOT NULL UNIQUE,
    customer INTEGER,
    app      INTEGER,
    hint     TEXT    NOT NULL
) STRICT;

-- What an account has beside its customer, whose id and name are its own. A row leaves when the account is deleted; the
-- customer stays, switched off, under a name that is nobody's id.
CREATE TABLE accounts (
    customer   INTEGER PRIMARY KEY,
    app        INTEGER NOT NULL,
    timezone   TEXT    NOT NULL,
    currency   TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX accounts_app ON accounts (app);

-- Every id that was ever an account's, and of which app: nobody else may come under it. As many as accounts were registered
-- under different ids; they stay.
CREATE TABLE account_ids (
    external_id TEXT    PRIMARY KEY,
    app         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
