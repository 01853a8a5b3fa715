-- Version 2: who said how long the access token lives.

-- 1 the reply, 2 the token itself, 3 the profile, 4 nobody: `access_ends` means nothing then, and only a 401 tells.
-- Rows of version 1 came from a reply or from the profile; the next pair says which.
ALTER TABLE connections ADD COLUMN life_from INTEGER NOT NULL DEFAULT 1;
