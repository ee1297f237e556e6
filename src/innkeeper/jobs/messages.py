"""The names and shapes of everything that Innkeeper puts on the message broker, for ourselves and for subscribers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.schemas.queue import ClassicQueueArgs
from faststream.specification import AsyncAPI
from pydantic import BaseModel, Field

#: Seconds a job's message waits before it is brought again, when its lane was busy: the first time, the second, …
RETRY_STEPS = (1, 4, 16, 60)

#: How many times a job's message has been round the retry queues.
TRIES_HEADER = "x-innkeeper-tries"

#: Dead letters are for people to look at; the rows of dead jobs stay whatever becomes of these.
_DEAD_LETTERS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class BrokerNames:
    """The names on the broker; another prefix keeps two installations on one broker apart."""

    prefix: str = "innkeeper"

    @property
    def events(self) -> RabbitExchange:
        """The topic exchange that subscribers bind their queues to; the routing key is the event's name."""
        return RabbitExchange(f"{self.prefix}.events", type=ExchangeType.TOPIC, durable=True)

    @property
    def jobs(self) -> RabbitQueue:
        """Ids of due jobs, taken by any worker; what is rejected goes to the dead letters."""
        return RabbitQueue(f"{self.prefix}.jobs", durable=True, arguments=_dead_letter_to(self.dead.name))

    @property
    def dead(self) -> RabbitQueue:
        """Messages of jobs that died, and messages that are none."""
        return RabbitQueue(f"{self.prefix}.jobs.dead", durable=True, arguments={"x-max-length": _DEAD_LETTERS_KEPT})

    def retry(self, tries: int) -> RabbitQueue:
        """Where a message waits after it has been tried so often; it comes back to `jobs` by itself."""
        seconds = RETRY_STEPS[min(tries, len(RETRY_STEPS) - 1)]
        arguments = _dead_letter_to(f"{self.prefix}.jobs")
        arguments["x-message-ttl"] = seconds * 1000
        return RabbitQueue(f"{self.prefix}.jobs.retry.{seconds}s", durable=True, arguments=arguments)

    def queues(self) -> list[RabbitQueue]:
        """Return every queue, in an order in which they can be declared."""
        return [self.dead, self.jobs, *(self.retry(tries) for tries in range(len(RETRY_STEPS)))]


def _dead_letter_to(queue: str) -> ClassicQueueArgs:
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue}


class EventMessage(BaseModel):
    """An announced change, as subscribers get it. At least once each: drop what bears an `id` that you have seen."""

    id: UUID = Field(description="The same in every delivery of this event.")
    sequence: int = Field(description="Grows with time; events of one entity come in this order.")
    name: str = Field(description="What happened; also the routing key.", examples=["reservation.created"])
    property_id: UUID = Field(description="The property it happened in.")
    entity_id: UUID = Field(description="What it happened to; read its present state from the API.")
    origin: str = Field(description="Who made the change: `house`, `qloapps`, …")
    occurred_at: datetime = Field(description="When, with a zone (RFC 3339).")
    data: dict[str, Any] = Field(default_factory=dict, description="A few facts about it; never personal data.")


#: The events that the house announces, for the document that subscribers read.
EVENTS = {
    "reservation.created": "A reservation was taken at the desk, through the API, or came in from a channel.",
    "reservation.updated": "Dates, rooms, guests, amounts or the status of a reservation changed.",
    "reservation.cancelled": "A reservation was cancelled, on whichever side.",
    "room_type.updated": "A room type was made or changed.",
    "rate.updated": "Prices or restrictions of some nights changed.",
    "guest.updated": "A guest's record changed; whose, the API says.",
}


def asyncapi_document(*, version: str = "1", names: BrokerNames | None = None) -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the events that somebody else's programs can subscribe to."""
    exchange = (names or BrokerNames()).events
    broker = RabbitBroker(specification_url="amqp://broker.example:5672/", logger=None)
    for name, description in EVENTS.items():
        broker.publisher(exchange=exchange, routing_key=name, schema=EventMessage, title=name, description=description)
    document = AsyncAPI(
        broker,
        title="Innkeeper events",
        version=version,
        description="Bind a queue of your own to the topic exchange, with the names of the events you want as keys.",
    )
    described: dict[str, Any] = document.to_specification().to_jsonable()
    return described
