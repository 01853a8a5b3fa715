-- Every table but those of `schema_2.sql`, and beside each the rule by which it grows. Two columns of `families` and one of `connections` are stored
-- with an offset so that their width never changes: a row that keeps its size is overwritten in place, and its page
-- never splits.

-- One row, for ever. `position` is the feed's head: (incarnation, counter) in one number.
CREATE TABLE meta (
    one                 INTEGER PRIMARY KEY CHECK (one = 1),
    position            INTEGER NOT NULL,
    longest_access_life INTEGER NOT NULL,
    audit_rows          INTEGER NOT NULL,
    audit_hash          BLOB    NOT NULL
) STRICT;

-- One row per authorization, in the order of time; it moves, it never multiplies. Leaves when it has ended.
CREATE TABLE families (
    id         INTEGER PRIMARY KEY,
    generation INTEGER NOT NULL, -- + 32768: three bytes up to eight million refreshes
    moved_at   INTEGER NOT NULL,
    key_id     INTEGER NOT NULL, -- + 128: two bytes
    retry      BLOB    NOT NULL, -- eight bytes; zeros mean none
    digest     BLOB    NOT NULL, -- sixteen bytes
    ends_at    INTEGER NOT NULL,
    connection INTEGER NOT NULL,
    scopes     BLOB    NOT NULL, -- little-endian bits without trailing zero bytes
    repudiated INTEGER NOT NULL
) STRICT;

-- One row per app and subject key, for ever: it holds who allowed what, also after it was cut.
-- `families` are slots of eight bytes, big-endian, zeros mean free: so no index on `families` is needed, and a refresh
-- touches one page.
CREATE TABLE connections (
    id            INTEGER PRIMARY KEY,
    app           INTEGER NOT NULL,
    subject_kind  INTEGER NOT NULL,
    subject_id    INTEGER NOT NULL,
    customer      INTEGER NOT NULL,
    authorized_by INTEGER NOT NULL,
    scopes        BLOB    NOT NULL,
    created_at    INTEGER NOT NULL,
    allowed_at    INTEGER NOT NULL,
    live          INTEGER NOT NULL,
    cut_at        INTEGER,
    last_used     INTEGER NOT NULL, -- -2147483648 means never
    families      BLOB    NOT NULL
) STRICT;
-- The app stands last, so that this index also finds the connections of a customer …
CREATE UNIQUE INDEX connections_subject ON connections (subject_kind, subject_id, app);
-- … and this one only those whose subject is something else.
CREATE INDEX connections_customer ON connections (customer) WHERE subject_kind <> 1 OR subject_id <> customer;

-- Every cut and every switch, of any subject: the only place that says so. One row per subject that was ever cut or
-- switched off; those of families leave with their feed entry.
CREATE TABLE cuts (
    kind       INTEGER NOT NULL,
    id         INTEGER NOT NULL,
    cut_access INTEGER NOT NULL,
    cut_all    INTEGER NOT NULL,
    off        INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

-- The log of take-backs, without gaps. An entry leaves when no access token from before it can be alive.
CREATE TABLE feed (
    position INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     INTEGER NOT NULL,
    id       INTEGER NOT NULL,
    event    INTEGER NOT NULL
) STRICT;

-- Apps, with their secrets, redirect URIs and providers in order. They stay.
CREATE TABLE apps (
    id            INTEGER PRIMARY KEY,
    client_id     TEXT    NOT NULL UNIQUE,
    name          TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    info_url      TEXT    NOT NULL,
    kind          INTEGER NOT NULL, -- 1 confidential, 2 public
    private_to    INTEGER,          -- the only customer that may connect it; null: any
    status        INTEGER NOT NULL, -- 1 pending, 2 approved, 3 rejected
    verified      INTEGER NOT NULL,
    pkce_required INTEGER NOT NULL,
    scopes        BLOB    NOT NULL,
    registered_by INTEGER,          -- a person; null: staff or a seed
    home          INTEGER,          -- the customer whose app it is, if any
    logo          BLOB,             -- eight bytes of its digest; null: none
    review_note   TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE app_secrets (
    app    INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    key_id INTEGER NOT NULL,
    mac    BLOB    NOT NULL,
    PRIMARY KEY (app, n)
) STRICT, WITHOUT ROWID;
CREATE TABLE app_redirects (
    app INTEGER NOT NULL,
    n   INTEGER NOT NULL,
    uri TEXT    NOT NULL,
    PRIMARY KEY (app, n)
) STRICT, WITHOUT ROWID;

-- Customers, their sites, and people. They stay.
CREATE TABLE customers (
    id           INTEGER PRIMARY KEY,
    external_id  TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    legacy_until INTEGER -- may go on with OAuth 1.0 until then
) STRICT;
CREATE TABLE sites (
    id          INTEGER PRIMARY KEY,
    customer    INTEGER NOT NULL,
    external_id TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    creator     INTEGER, -- a person
    UNIQUE (customer, external_id)
) STRICT;
CREATE INDEX sites_external ON sites (external_id);
CREATE TABLE people (
    id       INTEGER PRIMARY KEY,
    email    TEXT    NOT NULL UNIQUE, -- lower-cased
    role     INTEGER NOT NULL,
    customer INTEGER,
    password TEXT    NOT NULL,
    name     TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX people_customer ON people (customer, role);

-- Signed-in browsers. They leave when idle or old.
CREATE TABLE sessions (
    digest     BLOB    PRIMARY KEY,
    person     INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_person ON sessions (person);
CREATE INDEX sessions_created ON sessions (created_at);
CREATE INDEX sessions_seen ON sessions (seen_at);

-- Consents that were decided. They leave when their form has expired.
CREATE TABLE decisions (
    txn        BLOB    PRIMARY KEY, -- the form's random transaction id
    allowed    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    as_of      INTEGER NOT NULL,
    connection INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_expires ON decisions (expires_at);

-- The scope registry: at most 128 words, never renumbered.
CREATE TABLE scopes (
    n    INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
) STRICT;

-- Digests of the seed files that were loaded. They stay.
CREATE TABLE seeds (
    digest BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The audit trail: each row's hash covers the one before it. It stays, and grows with acts, never with refreshes.
CREATE TABLE audit (
    number       INTEGER PRIMARY KEY,
    at           INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    verb         TEXT    NOT NULL,
    subject_kind INTEGER,
    subject_id   INTEGER,
    detail       TEXT    NOT NULL,
    hash         BLOB    NOT NULL
) STRICT;
