"""Routes that go wrong in every way."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field, SecretStr, field_validator

from innkeeper.connectors.http import request_id as connectors_request_id
from innkeeper.domain.errors import Conflict, FieldError, Invalid, OutsideUnavailable
from innkeeper.domain.quoting import quoted
from innkeeper.telemetry.logging import get_logger, request_id

router = APIRouter()
log = get_logger(__name__)


class Body(BaseModel):
    """A body with fields of many kinds."""

    room: UUID
    night: date
    adults: int = Field(ge=1, le=30)
    price: Decimal
    api_key: SecretStr | None = Field(default=None, max_length=10)
    colour: str = "blue"
    number: str | int = ""

    @field_validator("colour")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "blue":
            raise ValueError("Only blue is known.")
        return value


@router.get("/api/probe/rooms/{room}")
async def room(room: str) -> dict[str, str]:
    """Answer with the room, and say what the id of the request is."""
    log.info("looked up")
    return {"room": room, "telemetry": request_id.get() or "", "connectors": connectors_request_id.get() or ""}


@router.post("/api/probe/body")
async def body(body: Body) -> dict[str, int]:
    """Take a body."""
    return {"adults": body.adults}


@router.get("/api/probe/conflict")
async def conflict() -> None:
    """Refuse."""
    raise Conflict("No room is free on 2026-01-25.", code="NOT_AVAILABLE", action="Choose other dates.")


@router.get("/api/probe/fields")
async def fields() -> None:
    """Refuse with the fields that are wrong."""
    raise Invalid("Two things are wrong.", errors=[FieldError("a", "Is wrong."), FieldError("b", "Is wrong too.")])


@router.get("/api/probe/leak")
async def leak() -> None:
    """Raise an error that quotes what must not be quoted."""
    raise OutsideUnavailable("QloApps refused ana.guest@example.com, +351 912 345 678, ws_key=S3cretKey.")


@router.get("/api/probe/ours")
async def ours(typed: str) -> None:
    """Refuse with a sentence of ours that has numbers of its own and quotes what was typed."""
    raise Invalid.field(
        "phone",
        f"{quoted(typed)} is no phone number such as +351 912 345 678; "
        "booking 1234567890 needs 1 to 2147483647 of them.",
    )


@router.get("/api/probe/teapot")
async def teapot() -> None:
    """Raise an error of the framework."""
    raise HTTPException(418, "Only coffee here.")


@router.get("/api/probe/bug")
@router.get("/probe/bug")
async def bug() -> None:
    """Fail as nobody had foreseen."""
    key, guest = "".join(("S3cret", "Key")), "@".join(("ana.guest", "example.com"))
    raise RuntimeError(f"ws_key={key} of {guest}")
