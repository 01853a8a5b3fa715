-- Accounts that the partner registered at a platform for its own users. Growth: one row an account.
CREATE TABLE IF NOT EXISTS accounts (
    platform TEXT NOT NULL,
    account TEXT NOT NULL,          -- the partner's own id, known there as well
    name TEXT NOT NULL,             -- for people
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (platform, account)
) STRICT, WITHOUT ROWID;
