-- Batch jobs that were accepted. Re-runnable: every statement does nothing where its work is done.

-- One row per accepted job. `handed_at` is when its backend got it; `host`, `pid` and `started` name its process.
-- `progress`, `rows_processed`, `stages`, `tasks`, `heartbeat`, `record`, `error` and `exit_code` are told by that
-- process; the status is settled by the supervisor.
CREATE TABLE IF NOT EXISTS spark_job (
    number           bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    id               text PRIMARY KEY,
    idempotency_key  text UNIQUE,
    request_hash     text NOT NULL,
    job_type         text NOT NULL,
    backend          text NOT NULL,
    request          jsonb NOT NULL,
    status           text NOT NULL DEFAULT 'queued'
                     CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress         double precision NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    rows_processed   bigint NOT NULL DEFAULT 0,
    stages           integer NOT NULL DEFAULT 0,
    tasks            integer NOT NULL DEFAULT 0,
    record           jsonb,
    error            text,
    exit_code        smallint,
    cancel_requested boolean NOT NULL DEFAULT false,
    host             text,
    pid              integer,
    started          double precision,
    created_at       timestamptz NOT NULL DEFAULT now(),
    handed_at        timestamptz,
    started_at       timestamptz,
    ended_at         timestamptz,
    heartbeat        timestamptz
);

CREATE INDEX IF NOT EXISTS spark_job_unfinished ON spark_job (number) WHERE status IN ('queued', 'running');
