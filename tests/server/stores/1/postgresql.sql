CREATE TABLE IF NOT EXISTS store_version (version INTEGER NOT NULL);
CREATE TABLE jobs ( position SERIAL NOT NULL, id VARCHAR NOT NULL, state VARCHAR NOT NULL, number FLOAT NOT NULL, client VARCHAR, idempotency_key VARCHAR, fingerprint VARCHAR NOT NULL, request TEXT NOT NULL, created FLOAT NOT NULL, started FLOAT, finished FLOAT, ended INTEGER, fence INTEGER NOT NULL, attempts INTEGER NOT NULL, worker VARCHAR, lease_until FLOAT, cancelling BOOLEAN NOT NULL, recorded INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (position), UNIQUE (id), UNIQUE (idempotency_key) );
CREATE INDEX jobs_queue ON jobs (state, number, position);
CREATE INDEX jobs_ended ON jobs (ended);
CREATE TABLE events ( job VARCHAR NOT NULL, sequence INTEGER NOT NULL, time FLOAT NOT NULL, type VARCHAR NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job, sequence), FOREIGN KEY(job) REFERENCES jobs (id) ON DELETE CASCADE );
INSERT INTO store_version VALUES (1);
