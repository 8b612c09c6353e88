-- API keys. A key is never kept, only its SHA-256. Times are seconds since 1970; roles and scopes are one a line.
CREATE TABLE weir.keys (
    number  BIGINT GENERATED ALWAYS AS IDENTITY,
    id      TEXT PRIMARY KEY,
    owner   TEXT NOT NULL,
    roles   TEXT NOT NULL,
    scopes  TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT,
    used    BIGINT,
    revoked BIGINT,
    digest  BYTEA NOT NULL UNIQUE CHECK (length(digest) = 32),
    before  BYTEA UNIQUE CHECK (length(before) = 32),
    rotated BIGINT,
    until   BIGINT,
    CHECK ((before IS NULL) = (rotated IS NULL) AND (before IS NULL) = (until IS NULL))
);

-- Tells whoever listens that a table has changed, once the transaction is there.
CREATE FUNCTION weir.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_catalog.pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END
$$;

-- Not when a key was used: that is written down every few seconds by every node, and decides nothing.
CREATE TRIGGER told AFTER INSERT OR DELETE OR TRUNCATE
    OR UPDATE OF id, owner, roles, scopes, created, expires, revoked, digest, before, rotated, until
    ON weir.keys FOR EACH STATEMENT EXECUTE FUNCTION weir.tell('weir_keys');
