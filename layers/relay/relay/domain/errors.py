"""Every error that crosses a port, split by what the caller does next.

RelayError
├── NotFoundError               answer 404, or drop the message: nothing is there any more
├── JobNotClaimableError        leave the job alone until ``.job`` says it is due, or for good
├── DeliveryNotClaimableError   the same, of a delivery
├── LostLeaseError              stop: another claim or a cancellation came first; record nothing
├── LostRaceError               somebody else changed the row first: leave it to them
├── AlreadyExistsError          it was made before: go on with what is there
├── KeyReusedError              answer 422: this idempotency key was used for another request
├── StillAcceptingError         answer 409: the key's first request is at work; try later
├── UnreadableRowError          go on without this row: newer code wrote it, or nobody can read it
├── UnavailableError            try again later: AWS did not take it, or did not say so
└── MistralCallError            no answer came: ``.code`` says why; a new attempt is allowed
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # these modules raise errors of this one
    from datetime import datetime

    from relay.domain.delivery import Delivery
    from relay.domain.job import Job
    from relay.domain.job_error import ErrorCode


class RelayError(Exception):
    """The root, so that a caller can tell our errors from a defect."""


class NotFoundError(RelayError):
    """Nothing of that id belongs to the tenant, or it has been deleted or has expired."""


class JobNotClaimableError(RelayError):
    """The job is final, held under a live lease, not due yet, past its deadline or spent."""

    def __init__(self, job: "Job") -> None:
        super().__init__(f"{job.id} cannot be claimed: {job.status}")
        self.job = job


class DeliveryNotClaimableError(RelayError):
    """The delivery is final, held under a live lease or not due yet."""

    def __init__(self, delivery: "Delivery") -> None:
        super().__init__(f"{delivery.id} cannot be claimed: {delivery.status}")
        self.delivery = delivery


class LostLeaseError(RelayError):
    """The row is no longer held under the fencing token that this write carried."""


class LostRaceError(RelayError):
    """The row has changed since it was read; nothing was written."""


class KeyReusedError(RelayError):
    """An idempotency key came with another request than the one it was first used for."""


class StillAcceptingError(RelayError):
    """The first request under an idempotency key may still be at work until ``until``."""

    def __init__(self, until: "datetime") -> None:
        super().__init__("the first request is still being accepted")
        self.until = until


class UnreadableRowError(RelayError):
    """A row that this code cannot read."""


class AlreadyExistsError(RelayError):
    """A row of this id was written before."""


class UnavailableError(RelayError):
    """AWS throttled, failed or did not answer; the act may or may not have been done."""


class MistralCallError(RelayError):
    """The call ended without an answer that could be read.

    ``is_final`` where another call would end the same way; then the message is for the tenant.
    """

    def __init__(self, code: "ErrorCode", message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.is_final = is_final
