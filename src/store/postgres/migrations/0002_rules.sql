-- Stored rules: every version of all of them. A text stands once, however many versions and positions it is at.
CREATE TABLE weir.rule_versions (
    version BIGINT PRIMARY KEY,
    at      BIGINT NOT NULL,
    by      TEXT NOT NULL,
    what    TEXT NOT NULL
);
CREATE TABLE weir.rule_texts (
    digest BYTEA PRIMARY KEY CHECK (length(digest) = 32),
    text   TEXT NOT NULL
);
CREATE TABLE weir.rule_places (
    version  BIGINT NOT NULL REFERENCES weir.rule_versions (version) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    id       TEXT NOT NULL,
    digest   BYTEA NOT NULL REFERENCES weir.rule_texts (digest),
    PRIMARY KEY (version, position),
    UNIQUE (version, id)
);
CREATE INDEX rule_places_digest ON weir.rule_places (digest);

CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE
    ON weir.rule_versions FOR EACH STATEMENT EXECUTE FUNCTION weir.tell('weir_rules');
