"""The error tree. Each error says in one line what failed, with which value, and what to do about it."""


class HelixError(Exception):
    """Base of all errors that a user may see. `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(HelixError):
    """A bad argument or a file that cannot be used; the command line ends with 2."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown or has a bad value; names the key, the value and where it was looked for."""


class ToolchainError(HelixError):
    """Java, Python or a downloaded part is missing or too old; says what to install."""


class ServerError(HelixError):
    """A local server could not be started, stopped or reached; names it, its port and its log."""


class NotFoundError(HelixError):
    """What was asked for by its name or id does not exist; names it and where it was looked for."""


class StoreError(HelixError):
    """A store (Kafka, lake, ClickHouse, Neo4j, PostgreSQL) refused or did not answer in time."""


class StreamError(HelixError):
    """A streaming query failed and the retries allowed for it are used up."""


class QualityError(HelixError):
    """A check of the data failed, and nothing was written; the command line ends with 3."""

    exit_code = 3
