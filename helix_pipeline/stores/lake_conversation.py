"""One conversation from the lake, without Spark: only the files whose bounds in the log admit its id are opened.

Only columns whose bounds every file has in the log may be pushed into a scan (`stores.lake.STATISTICS`): delta-rs
leaves out files that have none.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from helix_pipeline.contracts.events import MessageAdded
from helix_pipeline.domain.context.conversation import CONVERSATION
from helix_pipeline.errors import StoreError

MESSAGE = MessageAdded.model_fields["event_type"].default
_COLUMNS = [*CONVERSATION.names, "event_type", "kafka_partition", "kafka_offset"]


def messages(target: DeltaTable, conversation_id: str) -> pa.Table:
    """Return the messages of a conversation in no order: `CONVERSATION`, `kafka_partition`, `kafka_offset` and more.

    Raises StoreError where a file cannot be read.
    """
    same = ds.field("conversation_id") == pa.scalar(conversation_id)
    with _reading(target):
        events = target.to_pyarrow_dataset().to_table(_COLUMNS, same)
    return events.filter(pc.equal(events["event_type"], MESSAGE))


def conversations_of(target: DeltaTable, user_id: str, limit: int) -> list[str]:
    """Return the ids of the conversations that a user spoke in, those of late first. Reads three columns of all files.

    Raises StoreError where a file cannot be read.
    """
    columns = ["conversation_id", "user_id", "timestamp"]
    with _reading(target):
        batches = target.to_pyarrow_dataset().to_batches(columns=columns)
        own = [batch.filter(pc.equal(batch["user_id"], user_id)) for batch in batches]
    if not own:
        return []
    last = pa.Table.from_batches(own).group_by("conversation_id").aggregate([("timestamp", "max")])
    ordered = last.sort_by([("timestamp_max", "descending"), ("conversation_id", "ascending")])
    return [str(one) for one in ordered["conversation_id"][:limit].to_pylist()]


@contextmanager
def _reading(target: DeltaTable) -> Iterator[None]:
    try:
        yield
    except (DeltaError, pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:300]
        raise StoreError(f"cannot read the lake table {target.table_uri}: {reason}") from None
