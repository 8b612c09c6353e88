-- Stored rules: every version of all of them. A text stands once, however many versions and positions it is at.
CREATE TABLE rule_versions (
    version INTEGER PRIMARY KEY NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    what    TEXT NOT NULL
) STRICT;
CREATE TABLE rule_texts (
    digest BLOB PRIMARY KEY NOT NULL CHECK (length(digest) = 32),
    text   TEXT NOT NULL
) STRICT;
CREATE TABLE rule_places (
    version  INTEGER NOT NULL REFERENCES rule_versions (version) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    id       TEXT NOT NULL,
    digest   BLOB NOT NULL REFERENCES rule_texts (digest),
    PRIMARY KEY (version, position),
    UNIQUE (version, id)
) STRICT;
CREATE INDEX rule_places_digest ON rule_places (digest);
