-- What keys of limits are hashed with on all nodes, so that no caller can choose what a key is called.
CREATE TABLE weir.lease_secret (
    one    BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    secret BYTEA NOT NULL CHECK (length(secret) = 16)
);
INSERT INTO weir.lease_secret (secret) VALUES (decode(replace(gen_random_uuid()::text, '-', ''), 'hex'));
