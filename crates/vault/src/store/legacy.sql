-- OAuth 1.0 pairs of accounts, and the journal of their exchange. Growth: one row a pair; none is ever deleted, so that
-- no success is repeated.
CREATE TABLE IF NOT EXISTS pairs (
    id INTEGER PRIMARY KEY,
    platform TEXT NOT NULL,
    account TEXT NOT NULL,           -- the partner's own
    consumer_key TEXT NOT NULL,
    token TEXT,                      -- of the three-legged flow
    consumer_secret BLOB,            -- envelopes; NULL once erased
    token_secret BLOB,
    import INTEGER NOT NULL,         -- which import named it last: an account stands once in a file
    state INTEGER NOT NULL,          -- 0 pending, 1 asking, 2 done, 3 refused, 4 retry
    claim INTEGER NOT NULL,          -- who asks: only this one's answer is stored
    tries INTEGER NOT NULL,          -- in this run
    asked INTEGER NOT NULL,          -- requests that were ever begun
    unanswered INTEGER NOT NULL,     -- of these, sent and not answered
    due INTEGER NOT NULL,            -- not asked before, in milliseconds since the epoch; the highest number: not in this run
    why TEXT NOT NULL,               -- the platform's words
    connection INTEGER REFERENCES connections (id),
    updated INTEGER NOT NULL,        -- of the state
    deprecated INTEGER,              -- what its last reply to 1.0 said: since when (0: since whenever) ...
    ends INTEGER,                    -- ... until when ...
    guide TEXT,                      -- ... and where it is explained
    UNIQUE (platform, account),
    UNIQUE (platform, consumer_key)
) STRICT;
CREATE INDEX IF NOT EXISTS pairs_due ON pairs (platform, due, id) WHERE state IN (0, 4);
CREATE INDEX IF NOT EXISTS pairs_by_state ON pairs (platform, state);
