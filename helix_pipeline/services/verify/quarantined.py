"""Records that were put aside: each record that does not decode is in the quarantine, once.

A record that is in the quarantine although this version decodes it was put aside by an earlier one. It is not
expected in the stores; it waits until it is sent again.
"""

from collections.abc import Iterator

import pyarrow as pa

from helix_pipeline.contracts.tables import LAKE_QUARANTINE
from helix_pipeline.services.verify.log import LogBatch
from helix_pipeline.services.verify.rows import Entity, insert_sql, scan
from helix_pipeline.services.verify.workspace import Workspace
from helix_pipeline.stores.lake import Lake

CREATE = "CREATE TABLE quarantined (topic VARCHAR, part INTEGER, off BIGINT)"
INSERT = "INSERT INTO quarantined SELECT topic, kafka_partition, kafka_offset FROM batch"

SAME_PLACE = " quarantined ON quarantined.topic = $topic AND part = kafka_partition AND off = kafka_offset"
CARRIED = "FROM batch ANTI JOIN" + SAME_PLACE

COMPARED = """
WITH held AS (SELECT part, off, count(*) AS n FROM quarantined WHERE topic = $topic GROUP BY part, off),
wanted AS (
  SELECT part, off FROM unreadable UNION SELECT part, off FROM set_aside
  UNION SELECT part, off FROM held JOIN ends USING (part) WHERE off < low
),
joined AS (
  SELECT part, off, wanted.part IS NOT NULL AS wanted, coalesce(n, 0) AS n
  FROM wanted FULL JOIN held USING (part, off) LEFT JOIN ends USING (part)
  WHERE wanted.part IS NOT NULL OR NOT coalesce(off >= high AND off < later, false)
)
SELECT 'partition ' || part || ', offset ' || off AS entity,
  wanted::INT AS expected, n AS found, (wanted AND n = 0)::INT AS missing,
  CASE WHEN wanted THEN greatest(n - 1, 0) ELSE 0 END AS duplicate,
  CASE WHEN wanted THEN 0 ELSE n END AS extra
FROM joined
"""

WAITING = "SELECT count(*) FROM set_aside ANTI JOIN reference USING (id)"


def quarantined_rows(lake: Lake) -> Iterator[pa.Table]:
    """Yield the places of the quarantined records."""
    return scan(lake, LAKE_QUARANTINE.name, ["topic", "kafka_partition", "kafka_offset"])


def load_log(space: Workspace, entity: Entity, batch: LogBatch) -> pa.Table:
    """Load a batch of the log; return the rows that the streams should have carried into the stores."""
    rows = batch.rows
    space.load(batch.unreadable, "INSERT INTO unreadable SELECT part, off FROM batch")
    topic = {"topic": entity.topic.name}
    if space.run("SELECT 1 FROM quarantined WHERE topic = $topic LIMIT 1", topic):
        space.load(rows, insert_sql("set_aside", entity) + " SEMI JOIN" + SAME_PLACE, topic)
        rows = space.select(rows, CARRIED, topic)
    space.load(rows, insert_sql("kafka", entity))
    return rows
