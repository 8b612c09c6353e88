-- What nodes have leased of the limits that they share. Times are milliseconds, moments those of this server's clock.
-- One turn at a time: who writes moves `turn` on from where it was read, or has to read again.
CREATE TABLE weir.lease_turn (
    one  BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
    turn BIGINT NOT NULL
) WITH (fillfactor = 10);
INSERT INTO weir.lease_turn (turn) VALUES (0);
CREATE TABLE weir.lease_nodes (
    node   BIGINT PRIMARY KEY,
    turn   BIGINT NOT NULL,
    until  BIGINT NOT NULL,
    among  BIGINT NOT NULL
) WITH (fillfactor = 10);
-- Of a key, by node: the rate in parts of a million, and tokens; what the node may use, and what it could.
CREATE TABLE weir.leases (
    key        BYTEA NOT NULL CHECK (length(key) = 16),
    node       BIGINT NOT NULL,
    counts     BOOLEAN NOT NULL,
    rate       BIGINT NOT NULL,
    burst      BIGINT NOT NULL,
    want_rate  BIGINT NOT NULL,
    want_burst BIGINT NOT NULL,
    remembered BIGINT NOT NULL,
    ended      BIGINT NOT NULL,
    PRIMARY KEY (key, node)
) WITH (fillfactor = 50);
CREATE INDEX leases_node ON weir.leases (node);
