-- Every table, with the names and columns of sqlite/schema.sql and schema_2.sql, where the rule by which each grows is
-- written beside it. Types are as narrow as the values allow; texts that are compared are ordered by their bytes. No
-- sequence, no trigger, no default that reads a clock: what is stored comes from the program. Run by the first migration,
-- whole or again from the start, so every statement bears to be repeated.

-- One row, for ever. Every transaction but a refresh locks it first (postgres/writer.rs): it puts them in one order.
CREATE TABLE IF NOT EXISTS meta (
    one                 SMALLINT PRIMARY KEY CHECK (one = 1),
    position            BIGINT   NOT NULL,
    longest_access_life BIGINT   NOT NULL,
    audit_rows          BIGINT   NOT NULL,
    audit_hash          BYTEA    NOT NULL
) WITH (fillfactor = 10);

-- A refresh changes no indexed column, and a page keeps a quarter of itself free: the new version of a row lies in the page
-- of the old one, and no index is written.
CREATE TABLE IF NOT EXISTS families (
    {shard}id         BIGINT   NOT NULL,
    moved_at   BIGINT   NOT NULL,
    ends_at    BIGINT   NOT NULL,
    connection BIGINT   NOT NULL,
    generation INTEGER  NOT NULL,
    key_id     INTEGER  NOT NULL,
    repudiated SMALLINT NOT NULL,
    retry      BYTEA    NOT NULL,
    digest     BYTEA    NOT NULL,
    scopes     BYTEA    NOT NULL,
    PRIMARY KEY ({family_key})
) WITH (fillfactor = 75);

CREATE TABLE IF NOT EXISTS connections (
    id            BIGINT   PRIMARY KEY,
    app           BIGINT   NOT NULL,
    subject_kind  SMALLINT NOT NULL,
    subject_id    BIGINT   NOT NULL,
    customer      BIGINT   NOT NULL,
    authorized_by BIGINT   NOT NULL,
    created_at    BIGINT   NOT NULL,
    allowed_at    BIGINT   NOT NULL,
    cut_at        BIGINT,
    last_used     BIGINT   NOT NULL,
    live          SMALLINT NOT NULL,
    scopes        BYTEA    NOT NULL,
    families      BYTEA    NOT NULL
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX IF NOT EXISTS connections_subject ON connections (subject_kind, subject_id, app);
CREATE INDEX IF NOT EXISTS connections_customer ON connections (customer) WHERE subject_kind <> 1 OR subject_id <> customer;

CREATE TABLE IF NOT EXISTS cuts (
    kind       SMALLINT NOT NULL,
    id         BIGINT   NOT NULL,
    cut_access BIGINT   NOT NULL,
    cut_all    BIGINT   NOT NULL,
    off        SMALLINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE TABLE IF NOT EXISTS feed (
    position BIGINT   PRIMARY KEY,
    at       BIGINT   NOT NULL,
    kind     SMALLINT NOT NULL,
    id       BIGINT   NOT NULL,
    event    SMALLINT NOT NULL
);

CREATE TABLE IF NOT EXISTS apps (
    id            BIGINT   PRIMARY KEY,
    client_id     TEXT     COLLATE "C" NOT NULL UNIQUE,
    name          TEXT     NOT NULL,
    owner         TEXT     NOT NULL,
    description   TEXT     NOT NULL,
    info_url      TEXT     NOT NULL,
    kind          SMALLINT NOT NULL,
    private_to    BIGINT,
    status        SMALLINT NOT NULL,
    verified      SMALLINT NOT NULL,
    pkce_required SMALLINT NOT NULL,
    scopes        BYTEA    NOT NULL,
    registered_by BIGINT,
    home          BIGINT,
    logo          BYTEA,
    review_note   TEXT     NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS app_secrets (
    app    BIGINT  NOT NULL,
    n      INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    mac    BYTEA   NOT NULL,
    PRIMARY KEY (app, n)
);
CREATE TABLE IF NOT EXISTS app_redirects (
    app BIGINT  NOT NULL,
    n   INTEGER NOT NULL,
    uri TEXT    NOT NULL,
    PRIMARY KEY (app, n)
);
CREATE TABLE IF NOT EXISTS app_providers (
    app  BIGINT  NOT NULL,
    n    INTEGER NOT NULL,
    name TEXT    NOT NULL,
    PRIMARY KEY (app, n)
);
CREATE TABLE IF NOT EXISTS logos (
    app          BIGINT PRIMARY KEY,
    content_type TEXT   NOT NULL,
    bytes        BYTEA  NOT NULL
);

CREATE TABLE IF NOT EXISTS customers (
    id           BIGINT PRIMARY KEY,
    external_id  TEXT   COLLATE "C" NOT NULL UNIQUE,
    name         TEXT   NOT NULL,
    legacy_until BIGINT
);
CREATE TABLE IF NOT EXISTS sites (
    id          BIGINT PRIMARY KEY,
    customer    BIGINT NOT NULL,
    external_id TEXT   COLLATE "C" NOT NULL,
    name        TEXT   NOT NULL,
    creator     BIGINT,
    UNIQUE (customer, external_id)
);
CREATE INDEX IF NOT EXISTS sites_external ON sites (external_id);
CREATE TABLE IF NOT EXISTS people (
    id       BIGINT   PRIMARY KEY,
    email    TEXT     COLLATE "C" NOT NULL UNIQUE,
    role     SMALLINT NOT NULL,
    customer BIGINT,
    password TEXT     NOT NULL,
    name     TEXT     NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS people_customer ON people (customer, role);
CREATE TABLE IF NOT EXISTS memberships (
    person   BIGINT   NOT NULL,
    customer BIGINT   NOT NULL,
    role     SMALLINT NOT NULL,
    PRIMARY KEY (person, customer)
);

CREATE TABLE IF NOT EXISTS sessions (
    digest     BYTEA  PRIMARY KEY,
    person     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS sessions_person ON sessions (person);
CREATE INDEX IF NOT EXISTS sessions_created ON sessions (created_at);
CREATE INDEX IF NOT EXISTS sessions_seen ON sessions (seen_at);
CREATE TABLE IF NOT EXISTS decisions (
    txn        BYTEA    PRIMARY KEY,
    allowed    SMALLINT NOT NULL,
    at         BIGINT   NOT NULL,
    expires_at BIGINT   NOT NULL,
    as_of      BIGINT   NOT NULL,
    connection BIGINT
);
CREATE INDEX IF NOT EXISTS decisions_expires ON decisions (expires_at);
CREATE TABLE IF NOT EXISTS spent (
    digest     BYTEA  PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS spent_expires ON spent (expires_at);

CREATE TABLE IF NOT EXISTS scopes (
    n    SMALLINT PRIMARY KEY,
    word TEXT     COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS seeds (
    digest BYTEA PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS audit (
    number       BIGINT   PRIMARY KEY,
    at           BIGINT   NOT NULL,
    actor        TEXT     NOT NULL,
    verb         TEXT     NOT NULL,
    subject_kind SMALLINT,
    subject_id   BIGINT,
    detail       TEXT     NOT NULL,
    hash         BYTEA    NOT NULL
);

CREATE TABLE IF NOT EXISTS consumers (
    id           BIGINT PRIMARY KEY,
    customer     BIGINT NOT NULL,
    consumer_key TEXT   COLLATE "C" NOT NULL UNIQUE,
    secret       TEXT   NOT NULL,
    last_at      BIGINT
);
CREATE INDEX IF NOT EXISTS consumers_customer ON consumers (customer);
CREATE TABLE IF NOT EXISTS consumer_tokens (
    digest     BYTEA  PRIMARY KEY,
    consumer   BIGINT NOT NULL,
    customer   BIGINT NOT NULL,
    person     BIGINT NOT NULL,
    secret     TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS temporaries (
    digest         BYTEA    PRIMARY KEY,
    consumer       BIGINT   NOT NULL,
    secret         TEXT     NOT NULL,
    callback       TEXT,
    wants_verifier SMALLINT NOT NULL,
    person         BIGINT,
    verifier       BYTEA,
    expires_at     BIGINT   NOT NULL
);
CREATE INDEX IF NOT EXISTS temporaries_expires ON temporaries (expires_at);
CREATE TABLE IF NOT EXISTS exchanges (
    app        BIGINT   NOT NULL,
    consumer   BIGINT   NOT NULL,
    family     BIGINT   NOT NULL,
    connection BIGINT   NOT NULL,
    at         BIGINT   NOT NULL,
    reopened   SMALLINT NOT NULL,
    PRIMARY KEY (app, consumer)
);
CREATE INDEX IF NOT EXISTS exchanges_consumer ON exchanges (consumer);
CREATE TABLE IF NOT EXISTS legacy_use (
    consumer BIGINT NOT NULL,
    day      BIGINT NOT NULL,
    route    TEXT   COLLATE "C" NOT NULL,
    calls    BIGINT NOT NULL,
    PRIMARY KEY (consumer, day, route)
);
CREATE INDEX IF NOT EXISTS legacy_use_day ON legacy_use (day);

CREATE TABLE IF NOT EXISTS api_keys (
    id       BIGINT PRIMARY KEY,
    digest   BYTEA  NOT NULL UNIQUE,
    customer BIGINT,
    app      BIGINT,
    hint     TEXT   NOT NULL
);
CREATE TABLE IF NOT EXISTS accounts (
    customer   BIGINT PRIMARY KEY,
    app        BIGINT NOT NULL,
    timezone   TEXT   NOT NULL,
    currency   TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS accounts_app ON accounts (app);
CREATE TABLE IF NOT EXISTS account_ids (
    external_id TEXT   COLLATE "C" PRIMARY KEY,
    app         BIGINT NOT NULL
);

-- What only an engine of several processes has. One row per node; it leaves when the node stops or is forgotten.
CREATE TABLE IF NOT EXISTS nodes (
    node      BIGINT  PRIMARY KEY,
    at_millis BIGINT  NOT NULL,
    count     BIGINT  NOT NULL,
    position  BIGINT  NOT NULL,
    keys      BYTEA   NOT NULL, -- two bytes each, big-endian, newest first
    schema    INTEGER NOT NULL  -- what the node's program knows: nothing is contracted under an older one
) WITH (fillfactor = 10);

-- What each node used of shared budgets, overwritten several times a second; leaves with the node, or when it is old.
CREATE TABLE IF NOT EXISTS shares (
    node      BIGINT PRIMARY KEY,
    number    BIGINT NOT NULL,
    at_millis BIGINT NOT NULL,
    used      BYTEA  NOT NULL -- 24 bytes an entry: customer, app, passed, refused
) WITH (fillfactor = 10);

INSERT INTO meta (one, position, longest_access_life, audit_rows, audit_hash)
VALUES (1, 0, 0, 0, decode('0000000000000000000000000000000000000000000000000000000000000000', 'hex'))
ON CONFLICT (one) DO NOTHING;
