"""What watchers of the program ask: is it alive, can it serve, how much does it do."""

from collections.abc import Mapping, Sequence

from fastapi.responses import JSONResponse, Response

from innkeeper.telemetry.health import Check, run_checks
from innkeeper.telemetry.metrics import CONTENT_TYPE, Gatherer, exposition, text_of
from innkeeper.web.routing import Router


def operations_router(checks: Mapping[str, Check], gatherers: Sequence[Gatherer] = ()) -> Router:
    """Return `/healthz`, `/readyz` and `/metrics`, none of which needs a sign-in or shows anything of anybody's.

    `checks` say what must be well before the program can serve, by name, such as `database` and `migrations`;
    `gatherers` read the figures that stand in the data base.
    """
    router = Router(tags=["Operations"])

    @router.get("/healthz", summary="Alive?")
    async def healthz() -> dict[str, str]:
        """Answer as long as the process does; restart it when this does not."""
        return {"status": "alive"}

    @router.get("/readyz", summary="Ready?", responses={503: {"description": "Something that is needed is not well."}})
    async def readyz() -> JSONResponse:
        """Answer 200 when everything needed is well, 503 with what is not; send no traffic here meanwhile."""
        results = await run_checks(checks)
        ready = all(result.ok for result in results)
        body = {
            "status": "ready" if ready else "not ready",
            "checks": {result.name: result.problem or "ok" for result in results},
        }
        return JSONResponse(body, status_code=200 if ready else 503, headers={"Cache-Control": "no-store"})

    @router.get("/metrics", summary="Metrics", response_class=Response)
    async def metrics() -> Response:
        """Return the metrics in Prometheus' text format."""
        gathered = [text_of(await gather()) for gather in gatherers]
        return Response(b"".join([exposition(), *gathered]), media_type=CONTENT_TYPE)

    return router
