-- The vault's tables, version 1; `schema-2.sql` and on change them. Growth: one row a connection, at most one refresh a connection, connects live ten minutes.

-- Proves at start that the key file is this vault's.
CREATE TABLE vault (id INTEGER PRIMARY KEY CHECK (id = 1), proof BLOB NOT NULL) STRICT;

CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    account TEXT NOT NULL,          -- the partner's own: one account, one connection per platform
    customer TEXT,                  -- its name, or the platform's id of it, once seen
    sites TEXT NOT NULL,            -- JSON: what the platform listed last
    site TEXT,                      -- the chosen one
    status INTEGER NOT NULL,        -- 1 connected, 2 reconnect needed, 3 disconnected
    reason TEXT NOT NULL,           -- why it is not connected
    scope TEXT NOT NULL,
    connected_at INTEGER NOT NULL,  -- seconds since the epoch, like all times here but leases
    obtained INTEGER NOT NULL,      -- when the present pair came
    access_ends INTEGER NOT NULL,
    refresh_ends INTEGER,
    updated INTEGER NOT NULL,       -- of the status
    generation INTEGER NOT NULL,    -- rises with each pair: every write names the one it expects
    access BLOB,                    -- envelopes
    refresh BLOB,
    UNIQUE (platform, account)
) STRICT;

-- A refresh that was begun and whose end is not known to be stored. A repeat carries the same key.
CREATE TABLE refreshes (
    connection INTEGER PRIMARY KEY REFERENCES connections (id),
    generation INTEGER NOT NULL,    -- the pair that it replaces
    retry_key BLOB NOT NULL,        -- envelope
    holder INTEGER NOT NULL,        -- who is at it ...
    lease_ends INTEGER NOT NULL     -- ... until then, in milliseconds since the epoch
) STRICT, WITHOUT ROWID;

-- People who were sent to a platform and did not come back yet.
CREATE TABLE connects (
    state BLOB PRIMARY KEY,         -- SHA-256
    session BLOB NOT NULL,          -- SHA-256
    platform TEXT NOT NULL,
    account TEXT NOT NULL,
    verifier BLOB NOT NULL,         -- envelope
    ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX connects_by_end ON connects (ends);
