-- API keys. A key is never kept, only its SHA-256. Times are seconds since 1970; roles and scopes are one a line.
CREATE TABLE keys (
    id      TEXT PRIMARY KEY NOT NULL,
    owner   TEXT NOT NULL,
    roles   TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    used    INTEGER,
    revoked INTEGER,
    digest  BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    before  BLOB UNIQUE CHECK (length(before) = 32),
    rotated INTEGER,
    until   INTEGER,
    CHECK ((before IS NULL) = (rotated IS NULL) AND (before IS NULL) = (until IS NULL))
) STRICT;
