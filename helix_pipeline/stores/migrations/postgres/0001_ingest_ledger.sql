-- The ledger of published events. Re-runnable: every statement does nothing where its work is done.

-- One row per event that was published, or is about to be by the owner of a pending chunk.
CREATE TABLE IF NOT EXISTS ingest_event (
    id uuid PRIMARY KEY
);

-- One row per chunk whose publication is not confirmed: what recovery needs to settle it.
CREATE TABLE IF NOT EXISTS ingest_chunk (
    chunk     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cluster   text NOT NULL,
    owner     bigint NOT NULL,
    host      text NOT NULL,
    pid       integer NOT NULL,
    started   double precision NOT NULL,
    abandoned boolean NOT NULL DEFAULT false,
    created   timestamptz NOT NULL DEFAULT now(),
    offsets   jsonb NOT NULL,
    ids       bytea NOT NULL
);
